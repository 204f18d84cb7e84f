"""One reverse step p(x_s | x_t) of a discrete model: its mean, and its variance, fixed or learned."""

from typing import Literal, get_args

from torch import Tensor

from audiodiff.diffusion.denoiser import BoundDenoiser, Denoise
from audiodiff.diffusion.predictions import LearnedVariance
from audiodiff.diffusion.process import Transition
from audiodiff.diffusion.schedules import fit
from audiodiff.errors import ConfigError
from audiodiff.types import Time, Wave

Variance = Literal["small", "large", "learned"]
"""beta tilde, beta (Ho et al. 2020, section 3.2), or between the two as the network says."""


def check_variance(denoise: Denoise, variance: Variance) -> None:
    """Raise ConfigError for an unknown choice, and for "learned" without a model that has learned it."""
    if variance not in get_args(Variance):
        raise ConfigError(f"variance = {variance!r}: expected one of {', '.join(get_args(Variance))}.")
    if variance == "learned" and not isinstance(denoise, BoundDenoiser):
        raise ConfigError(
            f"the learned variance comes from a bound Denoiser, got {type(denoise).__name__}; "
            "sample without guidance, or with variance small or large."
        )


def reverse(denoise: Denoise, x_t: Wave, t: Time, step: Transition, variance: Variance) -> tuple[Wave, Tensor]:
    """Return mean and variance of p(x_s | x_t); the variance where s is clean is that of the decoder."""
    if variance == "learned" and isinstance(denoise, BoundDenoiser):
        x_0, share = denoise.with_share(x_t, t)
        return step.posterior_mean(x_t, x_0), LearnedVariance.variance(share, step)
    fixed = {"small": step.decoder_variance, "large": step.variance}[variance]
    return step.posterior_mean(x_t, denoise(x_t, t)), fit(fixed, x_t)
