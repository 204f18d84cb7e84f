"""Objectives of a voice with a `SourceFilter` prior: its source, its filter and spread, then the diffusion on top."""

import torch
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import diffuse
from audiodiff.errors import ConfigError
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import SourceNetwork
from audiodiff.priors import SourceFilter
from audiodiff.training.objective import Losses
from audiodiff.training.spectral_loss import MultiResolutionStft
from audiodiff.types import Mel, Time, Wave

EDGE = 4
"""Frames at both ends of a crop that count nowhere: they see zeros where the mel saw sound."""
FARTHEST = 50.0
"""Squared deviations, in units of the predicted variance, beyond which a bin counts no more: closures are not
always found where they are."""


class SourceMatch(nn.Module):
    """Train the source network: cross entropies of f0 over its candidates, and of voicing.

    loss = pitch + `voicing` · voicing + `distance` · distance of the averaged candidates from f0. Mels are perturbed
    as TTS models do, so that over-smoothed ones stay voiced.
    """

    def __init__(
        self, *, model: DiffusionModel, perturbation: nn.Module, voicing: float = 2.0, distance: float = 1.0
    ) -> None:
        super().__init__()
        self.model = model
        model.requires_grad_(False)
        self.prior = source_filter_prior(model)
        self.source = source_network(model).requires_grad_(True)
        self.perturbation = perturbation
        self.voicing, self.distance = voicing, distance

    def forward(self, wave: Wave, mel: Mel, f0: Tensor, pulses: Wave) -> Losses:
        """`mel` is [batch, n_mels, frames], `f0` [batch, 1, frames] in hertz; the rest is not looked at."""
        logits = self.prior.pitch_logits(self.perturbation(mel))
        f0 = f0[:, 0].repeat_interleave(logits.shape[-1] // f0.shape[-1], dim=1)
        logits, f0 = logits[..., EDGE:-EDGE], f0[:, EDGE:-EDGE]
        pitch, voicing = self.source.loss(logits, f0)
        distance = self.source.distance(logits, f0)
        parts = {"pitch": pitch.detach(), "voicing": voicing.detach(), "distance": distance.detach()}
        return {"loss": pitch + self.voicing * voicing + self.distance * distance, **parts}


class SourceFilterLikelihood(nn.Module):
    """Train filter and spread by the likelihood of recordings, N(filter(pulses), spread²) in every bin of a fine STFT.

    loss = log spread² + |X - M|² / spread², with the mean's share weighted as it is but not pulling on the spread, and
    the spread's not on the mean (Seitzer et al. 2022 on why the two must not be left to each other).
    """

    def __init__(self, *, model: DiffusionModel, f0_jitter: float = 0.01) -> None:
        super().__init__()
        self.model = model
        model.requires_grad_(False)
        self.prior = source_filter_prior(model)
        self.prior.filter.requires_grad_(True)
        self.prior.spread.requires_grad_(True)
        self.f0_jitter = f0_jitter

    def forward(self, wave: Wave, mel: Mel, f0: Tensor, pulses: Wave) -> Losses:
        """All waves are [batch, hop_length · frames], `f0` is [batch, 1, frames] in hertz."""
        pitch = f0[:, 0] * torch.exp(self.f0_jitter * torch.randn_like(f0[:, 0]))
        lacking = self.prior.fine(wave - self.prior.spoken(pulses, mel, pitch))
        spread = self.prior.scale(mel)
        edge = EDGE * (spread.shape[-1] // mel.shape[-1])
        lacking, spread = lacking[..., edge:-edge], spread[..., edge:-edge]
        power = lacking.real.square() + lacking.imag.square()
        fit = (2 * spread.log() + power.detach() / spread.square()).mean()
        mean = (power / spread.detach().square()).clamp_max(FARTHEST).mean()
        return {"loss": fit + mean, "likelihood": fit.detach(), "mean": mean.detach()}


class ResidualDiffusion(nn.Module):
    """Train the denoiser on what the mean leaves: recordings noised up to full level, closures known.

    loss = `regression` · (least + (1 - least)(1 - t)) · |Sigma^(-1/2) (estimate - x_0)|² + `spectral` ·
    multi-resolution STFT loss of the estimate; Sigma is the prior's own covariance, as PriorGrad has it (Lee et al.
    2022, eq. 6). Times are sqrt(uniform), and exactly 1 for a share of `first`, where sampling starts.
    """

    def __init__(
        self,
        *,
        model: DiffusionModel,
        regression: float = 0.5,
        spectral: float = 1.0,
        first: float = 0.25,
        least: float = 0.2,
    ) -> None:
        super().__init__()
        self.model = model
        self.prior = source_filter_prior(model).requires_grad_(False)
        self.distance = MultiResolutionStft(n_ffts=(256, 512, 1024, 2048))
        self.regression, self.spectral, self.first, self.least = regression, spectral, first, least

    def forward(self, wave: Wave, mel: Mel, mean: Wave) -> Losses:
        """Waves are [batch, hop_length · frames], `mel` is [batch, n_mels, frames]."""
        denoiser = self.model.denoiser
        cond = Conditioning(mel=mel, mean=mean, scale=self.prior.scale(mel))
        x_0, t = self.prior.encode(wave, cond), self.times(wave)
        eps = self.prior.shape(torch.randn_like(x_0), cond)
        estimate = denoiser(diffuse(x_0, eps, t, denoiser.schedule), t, cond)
        regression = self.whitened_error(estimate - x_0, cond, t)
        margin = EDGE * self.model.mel.hop_length
        inner = slice(margin, -margin)
        spectral = self.distance(self.prior.decode(estimate, cond)[:, inner], wave[:, inner])
        return {
            "loss": self.regression * regression + self.spectral * spectral,
            "regression": regression.detach(),
            "spectral": spectral.detach(),
        }

    def times(self, wave: Wave) -> Time:
        """One for every item of the batch."""
        t = torch.rand(len(wave), device=wave.device).sqrt()
        return torch.where(torch.rand_like(t) < self.first, 1.0, t)

    def whitened_error(self, error: Wave, cond: Conditioning, t: Time) -> Tensor:
        """Mean square in units of the prior's standard deviation."""
        white = self.prior.whitened(error, cond.need_scale())
        edge = EDGE * (white.shape[-1] // cond.need_mel().shape[-1])
        white = white[..., edge:-edge]
        squares = (white.real.square() + white.imag.square()).clamp_max(2 * FARTHEST).mean(dim=(1, 2))
        return (squares * (self.least + (1 - self.least) * (1 - t))).mean()


def source_filter_prior(model: DiffusionModel) -> SourceFilter:
    """The model's prior, which must be in time with the glottis; raises `ConfigError` for another kind."""
    if not isinstance(model.prior, SourceFilter):
        raise ConfigError(
            f"this needs a SourceFilter prior, got {type(model.prior).__name__}: choose prior=source_filter"
        )
    return model.prior


def source_network(model: DiffusionModel) -> SourceNetwork:
    """The prior's source; raises `ConfigError` for one that cannot be trained."""
    source = source_filter_prior(model).source
    if not isinstance(source, SourceNetwork):
        raise ConfigError(f"this trains a SourceNetwork, got {type(source).__name__}")
    return source
