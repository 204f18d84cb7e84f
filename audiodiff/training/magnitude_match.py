"""The objective of the magnitudes from which a prior inverts mels."""

from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.errors import ConfigError
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.priors import MelInversion
from audiodiff.training.objective import Losses
from audiodiff.types import Magnitudes, Mel, Wave

_Kept = Float[Tensor, "batch bins 1"]
"""One where a loss counts a bin, zero where it does not."""
_NOTHING = 5e-5
"""An STFT magnitude that 16-bit audio's rounding alone exceeds (window 1024): below it is no recording."""
_NEGLIGIBLE = 1e-5
"""100 dB below a clip's loudest bin: what is left above its old band when a recording is resampled upwards."""
INNER = slice(2, -2)
"""Frames at the ends of a crop see zeros where the mel saw sound."""


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
    """The model's prior, which must be one that inverts mels; raises `ConfigError` for another kind."""
    if not isinstance(model.prior, MelInversion):
        raise ConfigError(
            f"this trains magnitudes of a MelLatent prior, got {type(model.prior).__name__}: choose prior=mel_latent"
        )
    return model.prior
