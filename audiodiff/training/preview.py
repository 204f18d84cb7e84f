"""Pictures and sounds of what the model says, while it trains."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from audiodiff.audio.mel import MelSpectrogram
from audiodiff.diffusion import Sampler, Schedule, Times
from audiodiff.model import DiffusionModel
from audiodiff.noise import SampleNoise
from audiodiff.training.spectral_loss import MultiResolutionStft
from audiodiff.types import Hertz, Mel, Wave

Grid = Callable[[Schedule], Times]


class Preview(L.Callback):
    """Vocode every validation clip with the sampler, from the same noise each time.

    Logs `valid/log_mel` (mean |difference| of log mels) and `valid/mr_stft` of the generated waveforms, and
    with TensorBoard the audio and the mels of the first `clips` clips. Runs on the averaged weights, because
    the weight-averaging callback swaps them in for validation.
    """

    def __init__(self, *, sampler: Sampler, grid: Grid, clips: int = 3) -> None:
        self.sampler = sampler
        self.grid = grid
        self.clips = clips
        self.distance = MultiResolutionStft()

    @torch.no_grad()
    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: dict[str, Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Generate one clip, measure it and, if it is among the first, show it."""
        objective: Any = pl_module.objective
        model: DiffusionModel = objective.model
        times = self.grid(model.denoiser.schedule)
        noise = SampleNoise([0] * len(batch["mel"]))
        wave = model.generate(batch["mel"], sampler=self.sampler, times=times, noise=noise)
        generated = MelSpectrogram(model.mel).to(wave.device)(wave)[..., : batch["mel"].shape[-1]]
        distances = {
            "valid/log_mel": (generated - batch["mel"]).abs().mean(),
            "valid/mr_stft": self.distance.to(wave.device)(wave, batch["wave"]),
        }
        pl_module.log_dict(distances, batch_size=len(wave), prog_bar=True)
        if batch_idx < self.clips and isinstance(trainer.logger, TensorBoardLogger):
            first = trainer.global_step <= trainer.val_check_interval
            board = Board(trainer.logger.experiment, trainer.global_step, model.mel.sample_rate)
            board.show(f"generated/{batch_idx}", wave, generated)
            if first:
                board.show(f"recorded/{batch_idx}", batch["wave"], batch["mel"])


@dataclass(frozen=True)
class Board:
    """TensorBoard at one step of the training."""

    writer: SummaryWriter
    step: int
    sample_rate: Hertz

    def show(self, name: str, wave: Wave, mel: Mel) -> None:
        """Log the first waveform of a batch and its mel."""
        self.writer.add_audio(name, wave[0].clamp(-1, 1).cpu(), self.step, sample_rate=self.sample_rate)
        self.writer.add_image(name, picture(mel[0]), self.step)


def picture(mel: Tensor) -> Tensor:
    """A [n_mels, frames] mel as a [1, height, width] grey image, low bands at the bottom."""
    low, high = mel.amin(), mel.amax()
    image = ((mel - low) / (high - low).clamp_min(1e-5)).flip(0)
    return image.repeat_interleave(2, dim=0).unsqueeze(0).float().cpu()
