"""Pictures and sounds of what the model says, while it trains."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from torch import Tensor

from audiodiff.diffusion import Sampler, Schedule, Times
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.noise import SampleNoise
from audiodiff.training.board import Board, boards, compare
from audiodiff.training.spectral_loss import MultiResolutionStft
from audiodiff.types import Hertz, Mel, Samples, Wave

_Grid = Callable[[Schedule], Times]


class Preview(L.Callback):
    """Vocode every validation clip with the sampler, from the same noise each time.

    Logs `valid/log_mel` (mean |difference| of log mels) and `valid/mr_stft` of the generated waveforms, and to
    TensorBoard and W&B the first `clips` clips: audio, and mels and spectrograms under those of the recording. Runs
    on the averaged weights, because the weight-averaging callback swaps them in for validation.
    """

    def __init__(self, *, sampler: Sampler, grid: _Grid, clips: int = 3) -> None:
        self.sampler = sampler
        self.grid = grid
        self.clips = clips
        self.distance = MultiResolutionStft()
        self.recorded: set[int] = set()

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
        pl_module.log_dict(distances, batch_size=len(wave), prog_bar=True, sync_dist=True)
        if batch_idx < self.clips and trainer.is_global_zero:
            clip = PreviewClip(
                wave, generated, batch["wave"], batch["mel"], model.mel.sample_rate, model.mel.hop_length
            )
            for board in boards(trainer.loggers):
                clip.show(board, batch_idx, trainer.global_step, with_recording=batch_idx not in self.recorded)
            self.recorded.add(batch_idx)


@dataclass(frozen=True, eq=False)
class PreviewClip:
    """A batch of generated waveforms and their mels beside the recordings; the first of it is shown."""

    wave: Wave
    mel: Mel
    recorded_wave: Wave
    recorded_mel: Mel
    sample_rate: Hertz
    hop_length: Samples

    def show(self, board: Board, index: int, step: int, *, with_recording: bool) -> None:
        """Log the sound, and the spectra as pictures."""
        board.audio(f"generated/{index}", self.wave[0], self.sample_rate, step)
        if with_recording:
            board.audio(f"recorded/{index}", self.recorded_wave[0], self.sample_rate, step)
        board.image(f"mel/{index}", compare(self.mel[0], self.recorded_mel[0]), step)
        spectra = [log_spectrum(wave[0], self.hop_length) for wave in (self.wave, self.recorded_wave)]
        board.image(f"spectrogram/{index}", compare(*spectra), step)


def log_spectrum(wave: Tensor, hop_length: Samples) -> Tensor:
    """The log magnitudes of a [samples] waveform, [513, frames]."""
    spectrum = torch.stft(wave, 1024, hop_length, window=torch.hann_window(1024).to(wave), return_complex=True)
    return spectrum.abs().clamp_min(1e-4).log()
