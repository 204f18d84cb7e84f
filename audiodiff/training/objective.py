"""What is minimized: ordinary modules, called with the tensors of a batch, that return named losses."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import diffuse
from audiodiff.errors import ConfigError
from audiodiff.model import DiffusionModel
from audiodiff.priors import MelInversion
from audiodiff.training.spectral_loss import MultiResolutionStft
from audiodiff.types import Mel, Wave

Losses = dict[str, Float[Tensor, ""]]
"""Named losses; "loss" is the one that is minimized."""


class Simple(nn.Module):
    """The simple objective: distance between the network's output and its target (Ho et al. 2020, eq. 14).

    t is drawn uniformly from the T steps of the training table when `n_steps` is given, else from (0, 1].
    `norm` is 2 in DDPM and in the DiffWave paper, 1 in lmnt's DiffWave.
    """

    def __init__(self, *, model: DiffusionModel, norm: int = 2, n_steps: int | None = None) -> None:
        super().__init__()
        self.model = model
        self.distance = {1: F.l1_loss, 2: F.mse_loss}[norm]
        self.n_steps = n_steps

    def forward(self, wave: Wave, mel: Mel) -> Losses:
        """`wave` is [batch, hop_length · frames], `mel` [batch, n_mels, frames]."""
        denoiser, prior = self.model.denoiser, self.model.prior
        cond = prior.condition(mel)
        x_0, eps = prior.encode(wave, cond), prior.shape(torch.randn_like(wave), cond)
        t = self._times(len(wave), wave.device)
        x_t = diffuse(x_0, eps, t, denoiser.schedule)
        output = denoiser.output(x_t, t, cond)
        target = denoiser.prediction.target(x_0, eps, t, denoiser.schedule)
        return {"loss": self.distance(output, target)}

    def _times(self, batch: int, device: torch.device) -> Tensor:
        if self.n_steps is None:
            return 1 - torch.rand(batch, device=device)
        return torch.randint(1, self.n_steps + 1, (batch,), device=device) / self.n_steps


class Endpoint(nn.Module):
    """Train the x_0 estimate itself, as a waveform and as a sound, for samplers of a few steps.

    loss = |STFT(estimate - target)| weighted by envelope^-`whitening` + `spectral` · multi-resolution STFT loss
    between the estimate and the recording. The target has the recording's magnitudes and the mean's phases
    (`MelInversion.aligned`); both it and the mean come with the batch.
    """

    def __init__(self, *, model: DiffusionModel, spectral: float = 1.0, whitening: float = 0.5) -> None:
        super().__init__()
        self.model = model
        inversion_prior(model).requires_grad_(False)
        self.spectral_loss = MultiResolutionStft()
        self.spectral = spectral
        self.whitening = whitening

    def forward(self, wave: Wave, mel: Mel, mean: Wave, target: Wave) -> Losses:
        """All waves are [batch, hop_length · frames], `mel` is [batch, n_mels, frames]."""
        denoiser, prior = self.model.denoiser, inversion_prior(self.model)
        cond = Conditioning(mel=mel, mean=mean)
        x_0, eps = prior.encode(target, cond), prior.shape(torch.randn_like(wave), cond)
        t = 1 - torch.rand(len(wave), device=wave.device)
        estimate = denoiser(diffuse(x_0, eps, t, denoiser.schedule), t, cond)
        regression = self._distance(estimate - x_0, cond)
        spectral = self.spectral_loss(prior.decode(estimate, cond), wave)
        return {
            "loss": regression + self.spectral * spectral,
            "regression": regression.detach(),
            "spectral": spectral.detach(),
        }

    def _distance(self, error: Wave, cond: Conditioning) -> Float[Tensor, ""]:
        prior = inversion_prior(self.model)
        weight = prior.envelope(cond.need_mel()).pow(-self.whitening)
        weight = weight / weight.mean(dim=(1, 2), keepdim=True)
        size = prior.stft(cond.need_mean()).abs().mul(weight).mean(dim=(1, 2)).clamp_min(1e-3)
        return (prior.stft(error).abs().mul(weight).mean(dim=(1, 2)) / size).mean()


class MagnitudeMatch(nn.Module):
    """Train the magnitudes of a `MelInversion` prior on the recording's own.

    loss = |log ratio| + |difference| / envelope + `peaks` · |difference| / its clip's mean magnitude: the first
    counts all bins alike, the last the loud harmonics that decide how a voice sounds.
    """

    def __init__(self, *, model: DiffusionModel, peaks: float = 3.0) -> None:
        super().__init__()
        self.model = model
        model.denoiser.requires_grad_(False)
        self.peaks = peaks

    def forward(self, wave: Wave, mel: Mel) -> Losses:
        """`wave` is [batch, hop_length · frames], `mel` [batch, n_mels, frames]."""
        prior = inversion_prior(self.model)
        estimate, envelope = prior.magnitudes(mel), prior.envelope(mel)
        # Frames at the ends of a crop see zeros where the mel saw sound.
        inner = slice(2, -2)
        truth, estimate, envelope = (part[..., inner] for part in (prior.stft(wave).abs(), estimate, envelope))
        difference = (estimate - truth).abs()
        ratio = (estimate.log() - truth.clamp_min(1e-5).log()).abs().mean()
        whitened = (difference / envelope).mean()
        plain = (difference.mean(dim=(1, 2)) / truth.mean(dim=(1, 2)).clamp_min(1e-3)).mean()
        return {"loss": ratio + whitened + self.peaks * plain, "log_ratio": ratio.detach()}


def inversion_prior(model: DiffusionModel) -> MelInversion:
    """The model's prior, which must be one with a mean; raises `ConfigError` for another kind."""
    if not isinstance(model.prior, MelInversion):
        raise ConfigError(
            f"this needs a MelInversion prior, got {type(model.prior).__name__}: choose prior=mel_inversion, "
            "or features=mel with objective=simple"
        )
    return model.prior
