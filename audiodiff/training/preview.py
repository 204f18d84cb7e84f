"""Pictures and sounds of what the model says, while it trains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import lightning as L
import torch
from torch import Tensor

from audiodiff.diffusion import Sampler, Schedule, Times
from audiodiff.mel.compared import compared_spec
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.noise import SampleNoise
from audiodiff.training.board import Board, boards
from audiodiff.training.panels import compare
from audiodiff.training.spectral_loss import MultiResolutionStft
from audiodiff.types import Hertz, Mel, Samples, Wave

_Grid = Callable[[Schedule], Times]


@runtime_checkable
class Measures(Protocol):
    """Measures a generated waveform against its recording; not every one of `names` of every waveform."""

    names: Sequence[str]

    def __call__(self, reference: Tensor, generated: Tensor, sample_rate: Hertz) -> Mapping[str, float]:
        """Map two [samples] waveforms to numbers."""
        ...


class Preview(L.Callback):
    """Vocode every validation clip with the sampler, from the same noise each time.

    Logs `valid/log_mel` (in nats, as `audiodiff evaluate` has it), `valid/mr_stft` and the means of `measures`, and to
    TensorBoard and W&B the first `clips` clips: audio, and mels and spectrograms under those of the recording. Runs
    on the averaged weights, because the weight-averaging callback swaps them in for validation.
    """

    def __init__(self, *, sampler: Sampler, grid: _Grid, clips: int = 3, measures: Measures | None = None) -> None:
        self.sampler = sampler
        self.grid = grid
        self.clips = clips
        self.distance = MultiResolutionStft()
        self.measures = measures
        self.found: list[Mapping[str, float]] = []
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
        compared = MelSpectrogram(compared_spec(model.mel.sample_rate)).to(wave.device)
        distances = {
            "valid/log_mel": (compared(wave) - compared(batch["wave"])).abs().mean(),
            "valid/mr_stft": self.distance.to(wave.device)(wave, batch["wave"]),
        }
        pl_module.log_dict(distances, batch_size=len(wave), sync_dist=True)
        if self.measures is not None:
            pairs = zip(batch["wave"], wave, strict=True)
            self.found += [self.measures(theirs, ours, model.mel.sample_rate) for theirs, ours in pairs]
        if batch_idx < self.clips and trainer.is_global_zero:
            clip = PreviewClip(
                wave, generated, batch["wave"], batch["mel"], model.mel.sample_rate, model.mel.hop_length
            )
            for board in boards(trainer.loggers):
                clip.show(board, batch_idx, trainer.global_step, with_recording=batch_idx not in self.recorded)
            self.recorded.add(batch_idx)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the mean of every measure over the clips, of all processes, that it could be taken of."""
        if self.measures is not None:

            def over_processes(sums: Tensor) -> Tensor:
                return trainer.strategy.reduce(sums.to(pl_module.device), reduce_op="sum").cpu()

            for name, value in means(self.found, self.measures.names, over_processes).items():
                pl_module.log(f"valid/{name}", value)
        self.found = []


def means(
    found: Sequence[Mapping[str, float]], names: Sequence[str], add: Callable[[Tensor], Tensor]
) -> dict[str, float]:
    """The mean of every measure over the clips that it could be taken of; `add` sums over all processes."""
    values = [[clip[name] for clip in found if name in clip] for name in names]
    sums = add(torch.tensor([[sum(some), len(some)] for some in values]))
    return {name: total / count for name, (total, count) in zip(names, sums.tolist(), strict=True) if count}


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
        frame = self.hop_length / self.sample_rate
        bands = float(self.mel.shape[1])
        mels = compare(self.mel[0], self.recorded_mel[0], frame=frame, top=bands, label="mel band")
        board.image(f"mel/{index}", mels, step)
        spectra = [log_spectrum(wave[0], self.hop_length) for wave in (self.wave, self.recorded_wave)]
        board.image(
            f"spectrogram/{index}", compare(*spectra, frame=frame, top=self.sample_rate / 2000, label="kHz"), step
        )


def log_spectrum(wave: Tensor, hop_length: Samples) -> Tensor:
    """The log magnitudes of a [samples] waveform, [513, frames]."""
    spectrum = torch.stft(wave, 1024, hop_length, window=torch.hann_window(1024).to(wave), return_complex=True)
    return spectrum.abs().clamp_min(1e-4).log()
