"""The objective of denoisers that improve a `MelInversion` prior's mean step by step."""

from collections.abc import Callable
from itertools import islice

import torch
from torch import nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Schedule, Times, ddim
from audiodiff.errors import ConfigError
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.training.inversion_objectives import inversion_prior
from audiodiff.training.objective import Losses
from audiodiff.training.spectral_loss import MultiResolutionStft
from audiodiff.types import Mel, Time, Wave


class Refinement(nn.Module):
    """Train the x_0 estimate by how it sounds, at the states that DDIM visits along `grid`.

    loss = `spectral` · (multi-resolution STFT loss with loudness, to the recording) + |log mel of the estimate - mel|.
    Nothing is asked of phases but that they fit together: what they are in a recording is so far from what can be
    known that a regression on them makes the estimate worse. The state is the first one with the chance `first`,
    else any, and the way to it has no gradient. `margin` frames at both ends of a crop, where the mel has heard
    more than the crop holds, count nowhere.
    """

    def __init__(
        self,
        *,
        model: DiffusionModel,
        grid: Callable[[Schedule], Times],
        spectral: float = 0.5,
        first: float = 0.4,
        margin: int = 3,
    ) -> None:
        super().__init__()
        self.model = model
        inversion_prior(model).requires_grad_(False)
        self.times = grid(model.denoiser.schedule)
        self.front_end = MelSpectrogram(model.mel)
        self.distance = MultiResolutionStft(loudness=10.0)
        self.spectral = spectral
        self.first = first
        self.margin = margin

    def forward(self, wave: Wave, mel: Mel, mean: Wave) -> Losses:
        """Waves are [batch, hop_length · frames], `mel` is [batch, n_mels, frames]; `ConfigError` for short crops."""
        frames = mel.shape[-1]
        if frames <= 2 * self.margin:
            raise ConfigError(f"crops of {frames} frames hold nothing but margins: give data.segment more than that")
        denoiser, prior = self.model.denoiser, inversion_prior(self.model)
        cond = Conditioning(mel=mel, mean=mean)
        x_t, t = self.state(prior.shape(torch.randn_like(wave), cond), cond)
        estimate = prior.decode(denoiser(x_t, t, cond), cond)
        inner, hop = slice(self.margin, frames - self.margin), self.model.mel.hop_length
        heard = slice(inner.start * hop, inner.stop * hop)
        spectral = self.distance(estimate[:, heard], wave[:, heard])
        log_mel = (self.front_end(estimate)[..., :frames] - mel)[..., inner].abs().mean()
        return {
            "loss": self.spectral * spectral + log_mel,
            "spectral": spectral.detach(),
            "mel": log_mel.detach(),
        }

    def state(self, eps: Wave, cond: Conditioning) -> tuple[Wave, Time]:
        """A state on the way from `eps`, drawn for the whole batch, and its time."""
        denoiser = self.model.denoiser
        anywhere = int(torch.randint(len(self.times) - 1, ()))
        done = 0 if torch.rand(()) < self.first else anywhere
        with torch.no_grad():
            steps = ddim(denoiser.bind(cond), denoiser.schedule, eps, self.times, torch.randn_like)
            *_, x_t = eps, *islice(steps, done)
        return x_t, self.times[done].to(eps, non_blocking=True).expand(len(eps))
