"""Noise schedules: x_t = alpha(t) x_0 + sigma(t) eps, with t rising from clean (0) to noise (1).

A schedule is any object with two functions, `alpha` and `sigma`; all else (SNR, posterior, targets, grids)
follows from them. `log_snr` falls strictly with t, so every schedule is inverted by the same code.
"""

import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from audiodiff.errors import ConfigError
from audiodiff.types import Time


@runtime_checkable
class Schedule(Protocol):
    """Signal alpha(t) and noise sigma(t) in x_t; dtype, device and shape of t are kept."""

    def alpha(self, t: Time) -> Time:
        """Return the factor on x_0: 1 at t = 0, never rising."""
        ...

    def sigma(self, t: Time) -> Time:
        """Return the standard deviation of the noise: 0 at t = 0, positive after."""
        ...


def coefficients(schedule: Schedule, t: Time, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return alpha(t) and sigma(t), shaped to multiply `x` (batch, ...) whether t is a scalar or a batch."""
    return fit(schedule.alpha(t), x), fit(schedule.sigma(t), x)


def fit(coefficient: Time, x: Tensor) -> Tensor:
    """Shape a coefficient, one for all or one per item, so that it multiplies `x` (batch, ...).

    A scalar stays in its own precision (torch then keeps the dtype of `x`), a batch takes that of `x`.
    """
    if coefficient.ndim == 0:
        return coefficient
    return coefficient.to(x).reshape(-1, *[1] * (x.ndim - 1))


def log_snr(schedule: Schedule, t: Time) -> Time:
    """Return ln(alpha² / sigma²), twice the lambda of DPM-Solver (Kingma et al. 2021, section 3.1)."""
    return 2 * (schedule.alpha(t).log() - schedule.sigma(t).log())


def time_of_log_snr(schedule: Schedule, target: Time) -> Time:
    """Invert `log_snr` in float64 by bisection, clamped into [0, 1]; works for every schedule."""
    target = target.double()
    low, high = torch.zeros_like(target), torch.ones_like(target)
    beyond = target <= log_snr(schedule, high)
    for _ in range(64):
        middle = (low + high) / 2
        too_clean = log_snr(schedule, middle) > target
        low, high = torch.where(too_clean, middle, low), torch.where(too_clean, high, middle)
    return torch.where(beyond, 1.0, low)


class StraightPath:
    """alpha = 1 - t, sigma = t: rectified flow and flow matching (Lipman et al. 2023, time reversed)."""

    def alpha(self, t: Time) -> Time:
        """Return 1 - t."""
        return 1 - t

    def sigma(self, t: Time) -> Time:
        """Return t."""
        return t


class VP:
    """The variance-preserving SDE, the limit of DDPM's linear betas (Song et al. 2021, eq. 29 and 33)."""

    def __init__(self, *, beta_min: float = 0.1, beta_max: float = 20.0) -> None:
        if not 0 < beta_min <= beta_max:
            raise ConfigError(f"expected 0 < beta_min <= beta_max, got {beta_min:g} and {beta_max:g}.")
        self.beta_min = beta_min
        self.beta_max = beta_max

    def alpha(self, t: Time) -> Time:
        """Return exp(-½ ∫ beta)."""
        return self._log_alpha(t).exp()

    def sigma(self, t: Time) -> Time:
        """Return sqrt(1 - alpha²)."""
        return (-torch.expm1(2 * self._log_alpha(t))).sqrt()

    def _log_alpha(self, t: Time) -> Time:
        return -0.25 * t**2 * (self.beta_max - self.beta_min) - 0.5 * t * self.beta_min


class SubVP(VP):
    """The sub-VP SDE: the signal of VP with less noise (Song et al. 2021, eq. 29)."""

    def sigma(self, t: Time) -> Time:
        """Return 1 - alpha²."""
        return -torch.expm1(2 * self._log_alpha(t))


class VE:
    """The variance-exploding SDE: alpha = 1, noise that grows geometrically (Song et al. 2021, eq. 29 and 31)."""

    def __init__(self, *, sigma_min: float = 0.01, sigma_max: float = 50.0) -> None:
        if not 0 < sigma_min < sigma_max:
            raise ConfigError(f"expected 0 < sigma_min < sigma_max, got {sigma_min:g} and {sigma_max:g}.")
        self.sigma_min = sigma_min
        self.log_range = math.log(sigma_max / sigma_min)

    def alpha(self, t: Time) -> Time:
        """Return 1."""
        return torch.ones_like(t)

    def sigma(self, t: Time) -> Time:
        """Return sqrt(sigma²(t) - sigma²(0)) of the paper, which is 0 at t = 0."""
        return self.sigma_min * torch.expm1(2 * self.log_range * t).sqrt()


class EDM:
    """alpha = 1, sigma = sigma_max t: the time of EDM is the noise itself (Karras et al. 2022, table 1)."""

    def __init__(self, *, sigma_max: float = 80.0) -> None:
        if not sigma_max > 0:
            raise ConfigError(f"sigma_max = {sigma_max:g}: expected a positive noise level, EDM uses 80.")
        self.sigma_max = sigma_max

    def alpha(self, t: Time) -> Time:
        """Return 1."""
        return torch.ones_like(t)

    def sigma(self, t: Time) -> Time:
        """Return sigma_max t."""
        return self.sigma_max * t
