"""Guidance: functions that take a denoise and return another, for every sampler alike."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.schedules import Schedule, coefficients, fit
from audiodiff.errors import ConfigError
from audiodiff.types import Time, Wave

SMALLEST_ALPHA = 1e-12
"""Never reached where it counts: it only keeps what is thrown away from being infinite."""


def classifier_free(conditional: Denoise, unconditional: Denoise, *, scale: float) -> Denoise:
    """Guide with uncond + scale · (cond - uncond), 1 = off (Ho & Salimans 2022, eq. 6, with scale = 1 + w).

    It is the same in x_0 as in eps, since one is an affine function of the other at every (x_t, t).
    """

    def guided(x_t: Wave, t: Time) -> Wave:
        return torch.lerp(unconditional(x_t, t), conditional(x_t, t), scale)

    return guided


def classifier(
    denoise: Denoise,
    schedule: Schedule,
    log_probability: Callable[[Wave, Time], Float[Tensor, " batch"]],
    *,
    scale: float = 1.0,
) -> Denoise:
    """Guide with the gradient of ln p(label | x_t) of a given classifier (Dhariwal & Nichol 2021, algorithm 2).

    x_0 + scale sigma²/alpha · gradient, by Tweedie's formula. In pure noise (alpha = 0) there is nothing to
    classify, and x_0 is returned as it is.
    """

    def guided(x_t: Wave, t: Time) -> Wave:
        alpha, sigma = coefficients(schedule, t, x_t)
        x_0 = denoise(x_t, t)
        if not (alpha > 0).any():
            return x_0
        strength = torch.where(alpha > 0, scale * sigma**2 / alpha.clamp_min(SMALLEST_ALPHA), 0.0)
        return x_0 + strength.to(x_0) * _gradient(log_probability, x_t, t)

    return guided


def projection(denoise: Denoise, project: Callable[[Wave], Wave]) -> Denoise:
    """Replace every estimate of x_0 by `project(x_0)`, training-free.

    With Griffin-Lim towards the magnitudes of the mel as `project` this is GLA-Grad (Liu et al. 2024), applied to
    the estimate as in GLA-Grad++ (Baoueb et al. 2025); both do so in the first steps only, see `within`.
    """

    def guided(x_t: Wave, t: Time) -> Wave:
        return project(denoise(x_t, t))

    return guided


def within(guided: Denoise, plain: Denoise, *, low: float, high: float = 1.0) -> Denoise:
    """Use `guided` at times in [low, high] and `plain` elsewhere (Kynkäänniemi et al. 2024).

    Where t is one time per item and they do not agree, both are called.
    """
    if not 0 <= low <= high <= 1:
        raise ConfigError(f"expected 0 <= low <= high <= 1, got low = {low:g} and high = {high:g}.")

    def chosen(x_t: Wave, t: Time) -> Wave:
        inside = (t >= low) & (t <= high)
        if inside.all():
            return guided(x_t, t)
        if not inside.any():
            return plain(x_t, t)
        return torch.where(fit(inside, x_t).bool(), guided(x_t, t), plain(x_t, t))

    return chosen


def bounded(denoise: Denoise, *, limit: float = 1.0) -> Denoise:
    """Clamp every estimate of x_0 to [-limit, limit] (Ho et al. 2020, in their code)."""
    return projection(denoise, lambda x_0: x_0.clamp(-limit, limit))


def _gradient(log_probability: Callable[[Wave, Time], Tensor], x_t: Wave, t: Time) -> Wave:
    with torch.inference_mode(False), torch.enable_grad():
        x_t = x_t.detach().clone().requires_grad_()
        return torch.autograd.grad(log_probability(x_t, t).sum(), x_t)[0]
