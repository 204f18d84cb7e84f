"""The objective of few steps: the sampler unrolled, and what it says compared with the recording by ear."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Times, uniform
from audiodiff.diffusion.process import Transition
from audiodiff.errors import ConfigError
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks.keep_to_mel import KeepToMel
from audiodiff.training.energy_distance import EnergyDistance
from audiodiff.training.objective import Losses
from audiodiff.training.source_filter_objectives import EDGE, source_filter_prior
from audiodiff.training.spectral_loss import MultiResolutionMel, MultiResolutionStft
from audiodiff.types import Mel, Wave

SPECTRAL_WINDOWS = (32, 64, 128, 256, 512, 1024, 2048)
"""Of the spectral loss, in samples: only windows shorter than a period hear how quiet it is between two pulses."""
GRADIENT_CALLS = 2
"""Network calls at the end of a sampling run that a gradient passes; memory grows with each."""


class Unrolled(nn.Module):
    """Train through DDIM on uniform grids at the numbers of steps that a voice ships with, from noise at full level.

    loss = `spectral` · multi-resolution STFT loss of the result + `mels` · the same of mels (`MultiResolutionMel`) +
    `mel` · |log mel of it - mel| + `energy` · distance of energies of a millisecond (`EnergyDistance`). The number of
    steps is drawn for every batch from `steps`. The finish of the model is a part of the result and
    learns along, but for its postfilter.
    (InferGrad, Chen et al. 2022; PeriodWave-Turbo, Lee et al. 2024, stage two.)
    """

    def __init__(
        self,
        *,
        model: DiffusionModel,
        steps: Sequence[int] = (1, 2, 4),
        spectral: float = 1.0,
        mels: float = 0.0,
        mel: float = 0.5,
        energy: float = 1.0,
        urgency: float = 8.0,
        excess: float = 1.0,
        onset_excess: float = 5.0,
    ) -> None:
        super().__init__()
        if not steps or min(steps) < 1:
            raise ConfigError(f"steps={list(steps)}: expected numbers of steps, at least 1 each")
        self.model = model
        self.prior = source_filter_prior(model).requires_grad_(False)
        if isinstance(model.finish, KeepToMel) and model.finish.postfilter is not None:
            model.finish.postfilter.requires_grad_(False)  # recordings' mels need none
        self.grids = [uniform(model.denoiser.schedule, n) for n in steps]
        self.front_end = MelSpectrogram(model.mel)
        self.distance = MultiResolutionStft(n_ffts=SPECTRAL_WINDOWS)
        self.in_mels = MultiResolutionMel(model.mel.sample_rate)
        self.in_time = EnergyDistance(model.mel.sample_rate, urgency, excess, onset_excess)
        self.spectral, self.mels, self.mel, self.energy = spectral, mels, mel, energy

    def forward(self, wave: Wave, mel: Mel, mean: Wave) -> Losses:
        """Waves are [batch, hop_length · frames], `mel` is [batch, n_mels, frames]."""
        result, plain = self.said(wave, mel, mean)
        return self.compared(result, plain, wave, mel)

    def said(self, wave: Wave, mel: Mel, mean: Wave) -> tuple[Wave, Wave]:
        """Waveforms that the model makes of the mels with the mean of the recordings' own pulses.

        The second is the first without gains in time, for which there is no gradient.
        """
        cond = Conditioning(mel=mel, mean=mean, scale=self.prior.scale(mel))
        times = self.grids[int(torch.randint(len(self.grids), ()))]
        x = self.sampled(self.prior.shape(torch.randn_like(wave), cond), times, cond)
        finish, decoded = self.model.finish, self.prior.decode(x, cond)
        if not isinstance(finish, KeepToMel):
            result = self.model.waves(x, cond)
            return result, result
        with torch.no_grad():
            plain = finish.scaled(decoded, mel)
        return finish.learnt(decoded, mel), plain

    def compared(self, said: Wave, plain: Wave, wave: Wave, mel: Mel) -> Losses:
        """The distance to the recordings and to their mels."""
        log_mel = self.mel_distance(said, mel)
        said, plain, wave = (self.heard(x) for x in (said, plain, wave))
        spectral, energy = self.distance(said, wave), self.in_time(said, wave, plain)
        losses = {
            "loss": self.spectral * spectral + self.mel * log_mel + self.energy * energy,
            "spectral": spectral.detach(),
            "mel": log_mel.detach(),
            "energy": energy.detach(),
        }
        if self.mels:  # seven more transforms, which most voices do without
            mels = self.in_mels(said, wave)
            losses |= {"loss": losses["loss"] + self.mels * mels, "mels": mels.detach()}
        return losses

    def mel_distance(self, said: Wave, mel: Mel) -> Tensor:
        """The mean difference of the result's mel, edges apart."""
        frames = slice(EDGE, mel.shape[-1] - EDGE)
        return (self.front_end(said)[..., : mel.shape[-1]] - mel)[..., frames].abs().mean()

    def heard(self, wave: Wave) -> Float[Tensor, "batch inner"]:
        """The samples that count."""
        margin = EDGE * self.model.mel.hop_length
        return wave[:, margin:-margin]

    def sampled(self, x: Wave, times: Times, cond: Conditioning) -> Tensor:
        """DDIM from noise to the result; the gradient passes the last `GRADIENT_CALLS` calls."""
        denoiser, last = self.model.denoiser, len(times) - 1
        for index in range(last):
            t, s = times[index], times[index + 1]
            with torch.set_grad_enabled(torch.is_grad_enabled() and index >= last - GRADIENT_CALLS):
                estimate = denoiser(x, t.to(x, non_blocking=True).expand(len(x)), cond)
                x = Transition.between(denoiser.schedule, s, t).backward(x, estimate)
        return x
