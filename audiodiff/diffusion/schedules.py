"""Noise schedules: x_t = alpha(t) x_0 + sigma(t) eps, with t rising from clean (0) to noise (1).

A schedule is any object with two functions, `alpha` and `sigma`; all else (SNR, posterior, targets, grids)
follows from them. `log_snr` falls strictly with t, so every schedule is inverted by the same code.
"""

from typing import Protocol

import torch
from torch import Tensor

from audiodiff.types import Time


class Schedule(Protocol):
    """How much signal and how much noise x_t holds at time t; dtype, device and shape of t are kept."""

    def alpha(self, t: Time) -> Time:
        """Return the factor on x_0: 1 at t = 0, never rising."""
        ...

    def sigma(self, t: Time) -> Time:
        """Return the standard deviation of the noise: 0 at t = 0, positive after."""
        ...


def coefficients(schedule: Schedule, t: Time, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return alpha(t) and sigma(t), shaped to multiply `x` (batch, ...) whether t is a scalar or a batch.

    Scalars stay in their own precision (torch then keeps the dtype of `x`), batches take that of `x`.
    """
    return fit(schedule.alpha(t), x), fit(schedule.sigma(t), x)


def fit(coefficient: Time, x: Tensor) -> Tensor:
    """Shape a coefficient, one for all or one per item, so that it multiplies `x` (batch, ...)."""
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
