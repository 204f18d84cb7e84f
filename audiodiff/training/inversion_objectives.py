"""Objectives of models whose prior is the mel's inversion: first its magnitudes, then the diffusion on top."""

from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import ddim, diffuse, uniform, uniform_times
from audiodiff.errors import ConfigError
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.priors import MelInversion
from audiodiff.training.objective import Losses
from audiodiff.training.spectral_loss import MultiResolutionStft
from audiodiff.types import Magnitudes, Mel, Time, Wave

_Kept = Float[Tensor, "batch bins 1"]
"""One where a loss counts a bin, zero where it does not."""
_NOTHING = 5e-5
"""An STFT magnitude that 16-bit audio's rounding alone exceeds (window 1024): below it is no recording."""
_NEGLIGIBLE = 1e-5
"""100 dB below a clip's loudest bin: what is left above its old band when a recording is resampled upwards."""
INNER = slice(2, -2)
"""Frames at the ends of a crop see zeros where the mel saw sound."""


class Endpoint(nn.Module):
    """Train the x_0 estimate itself, as a waveform and as a sound, for samplers of a few steps.

    loss = |STFT(estimate - target)| weighted by envelope^-`whitening` + `spectral` · multi-resolution STFT loss
    between the estimate and the recording. The target has the recording's magnitudes and the mean's phases
    (`MelInversion.aligned`); both it and the mean come with the batch. Nothing is asked of the estimate at
    frequencies that the recording does not hold (`held`).
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
        x_t, t = self.state(x_0, eps, cond)
        estimate = denoiser(x_t, t, cond)
        kept = held(prior.stft(wave).abs())
        regression = self._distance(estimate - x_0, kept, cond)
        spoken = prior.stft.inverse(prior.stft(prior.decode(estimate, cond)) * kept)
        spectral = self.spectral_loss(spoken, wave)
        return {
            "loss": regression + self.spectral * spectral,
            "regression": regression.detach(),
            "spectral": spectral.detach(),
        }

    def state(self, x_0: Wave, eps: Wave, cond: Conditioning) -> tuple[Wave, Time]:
        """A state on the way from the target to noise, and its time, drawn uniformly."""
        schedule = self.model.denoiser.schedule
        t = uniform_times(schedule, len(x_0)).to(x_0, non_blocking=True)
        return diffuse(x_0, eps, t, schedule), t

    def _distance(self, error: Wave, kept: _Kept, cond: Conditioning) -> Float[Tensor, ""]:
        prior = inversion_prior(self.model)
        weight = prior.envelope(cond.need_mel()).pow(-self.whitening) * kept
        weight = weight / weight.mean(dim=(1, 2), keepdim=True).clamp_min(1e-8)
        size = prior.stft(cond.need_mean()).abs().mul(weight).mean(dim=(1, 2)).clamp_min(1e-3)
        return (prior.stft(error).abs().mul(weight).mean(dim=(1, 2)) / size).mean()


class Rollout(Endpoint):
    """`Endpoint` where sampling really goes: at the states that `n_steps` steps of DDIM visit from noise.

    A state made of the target holds detail that the model's own states lack; a network that has learnt to lean
    on it leaves noise in what it samples. (InferGrad, Chen et al. 2022, trains through the whole sampler; here
    the way to the state has no gradient.)
    """

    def __init__(self, *, model: DiffusionModel, n_steps: int, spectral: float = 1.0, whitening: float = 0.5) -> None:
        super().__init__(model=model, spectral=spectral, whitening=whitening)
        self.times = uniform(model.denoiser.schedule, n_steps)

    def state(self, x_0: Wave, eps: Wave, cond: Conditioning) -> tuple[Wave, Time]:
        """The state after a number of steps that is drawn uniformly for the batch, and its time."""
        denoiser = self.model.denoiser
        done = int(torch.randint(len(self.times) - 1, ()))
        with torch.no_grad():
            steps = ddim(denoiser.bind(cond), denoiser.schedule, eps, self.times, torch.randn_like)
            *_, x_t = eps, *islice(steps, done)
        return x_t, self.times[done].to(x_0, non_blocking=True).expand(len(x_0))


class MagnitudeMatch(nn.Module):
    """Train the magnitudes of a `MelInversion` prior on the recording's own.

    loss = |log ratio| + |difference| / envelope + `peaks` · |difference| / its clip's mean magnitude: the first
    counts all bins alike, the last the loud harmonics that decide how a voice sounds. Frequencies at which a clip
    holds nothing, as above the band of a recording that was resampled upwards, count nowhere.
    """

    def __init__(self, *, model: DiffusionModel, peaks: float = 3.0) -> None:
        super().__init__()
        self.model = model
        inversion_prior(model)
        model.denoiser.requires_grad_(False)
        self.peaks = peaks

    def forward(self, wave: Wave, mel: Mel) -> Losses:
        """`wave` is [batch, hop_length · frames], `mel` [batch, n_mels, frames]."""
        prior = inversion_prior(self.model)
        estimate, envelope = prior.magnitudes(mel), prior.envelope(mel)
        truth = prior.stft(wave).abs()
        kept = held(truth)
        truth, estimate, envelope = (part[..., INNER] for part in (truth * kept, estimate * kept, envelope))
        difference = (estimate - truth).abs()
        share = kept.mean().clamp_min(1e-3)
        ratio = (estimate.clamp_min(1e-5).log() - truth.clamp_min(1e-5).log()).abs().mean() / share
        whitened = (difference / envelope).mean() / share
        plain = (difference.mean(dim=(1, 2)) / truth.mean(dim=(1, 2)).clamp_min(1e-3)).mean()
        return {"loss": ratio + whitened + self.peaks * plain, "log_ratio": ratio.detach()}


def held(magnitudes: Magnitudes) -> _Kept:
    """One for every bin at which a clip holds something, zero where it holds nothing, as above its band.

    The maximum over the inner frames decides, so a bin that is silent for a while still counts.
    """
    loudest = magnitudes[..., INNER].amax(dim=-1, keepdim=True)
    return (loudest > _NOTHING).float() * (loudest > _NEGLIGIBLE * loudest.amax(dim=1, keepdim=True))


def inversion_prior(model: DiffusionModel) -> MelInversion:
    """The model's prior, which must be one with a mean; raises `ConfigError` for another kind."""
    if not isinstance(model.prior, MelInversion):
        raise ConfigError(
            f"this needs a MelInversion prior, got {type(model.prior).__name__}: choose prior=mel_inversion, "
            "or features=mel with objective=simple"
        )
    return model.prior
