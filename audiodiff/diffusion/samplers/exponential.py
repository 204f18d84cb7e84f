"""Multistep solvers' guesses at x_0 over a whole step, from the estimates at its start and before.

With lambda = ln(alpha / sigma), the exact solution of a step is a DDIM step whose x_0 is the average of the true
x_0 over the step under the weight exp(rate · lambda) (Lu et al. 2022b, eq. 8): `rate` is 1 for the ODE and 2 for the
SDE, whose step puts fresh noise back (appendix B). A method is a guess at that average. Points in pure noise
(lambda = -inf) carry no weight, and the step to clean (lambda = inf) takes the latest x_0 alone.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from audiodiff.diffusion.schedules import Schedule, log_snr
from audiodiff.types import Time, Wave


@dataclass(frozen=True, eq=False)
class PastEstimate:
    """An estimate of x_0 and the lambda at which it was made."""

    at: float
    x_0: Wave


Rule = Callable[[Sequence[PastEstimate], float, float], Wave]
"""(estimates, latest first; lambda at the end of the step; rate) -> the average x_0 over it."""


def half_log_snr(schedule: Schedule, t: Time) -> float:
    """Return lambda = ln(alpha / sigma)."""
    return log_snr(schedule, t).item() / 2


def remember(now: PastEstimate, past: Sequence[PastEstimate], at_most: int) -> list[PastEstimate]:
    """Put `now` before the past and forget the rest; estimates from pure noise have no place to stay."""
    return [now, *(estimate for estimate in past if math.isfinite(estimate.at))][:at_most]


def midpoint(past: Sequence[PastEstimate], to: float, rate: float = 1.0) -> Wave:
    """Guess with the line through the two latest estimates, taken half-way (Lu et al. 2022b, algorithm 2)."""
    if len(past) == 1:
        return past[0].x_0
    now, before = past[:2]
    return now.x_0 + (to - now.at) / (now.at - before.at) / 2 * (now.x_0 - before.x_0)


def polynomial(past: Sequence[PastEstimate], to: float, rate: float = 1.0) -> Wave:
    """Guess with the average of the polynomial through all estimates (UniPC, Zhao et al. 2023).

    The latest estimate comes first; the others lie before it, or, for a corrector, at `to` itself.
    """
    now, *others = past
    if not others:
        return now.x_0
    h = to - now.at
    places = torch.tensor([(other.at - now.at) / h for other in others], dtype=torch.float64)
    powers = places ** torch.arange(1, len(others) + 1).unsqueeze(1)
    average = now.x_0
    weights = torch.linalg.solve(powers, _moments(rate * h, len(others)))
    for weight, other in zip(weights, others, strict=True):
        average = average + weight * (other.x_0 - now.x_0)
    return average


def reference_third_order(past: Sequence[PastEstimate], to: float, rate: float = 1.0) -> Wave:
    """Guess as the published code of DPM-Solver++(3M), which counts the curvature of the parabola half."""
    if len(past) < 3:
        return midpoint(past, to, rate)
    now, before, first = past
    h = to - now.at
    r_0, r_1 = (now.at - before.at) / h, (before.at - first.at) / h
    late, early = (now.x_0 - before.x_0) / r_0, (before.x_0 - first.x_0) / r_1
    slope = late + r_0 / (r_0 + r_1) * (late - early)
    curvature = (late - early) / (r_0 + r_1)
    linear, square = _moments(rate * h, 2).tolist()
    return now.x_0 + linear * slope + square / 2 * curvature


def sde_rate(lambda_t: float, lambda_s: float, eta: float) -> float:
    """Return the rate of a step with `eta` of the posterior's noise, 1 for eta = 0 and 2 for eta = 1.

    Between them 1 + e, where noise of the share e in time has the variance that `eta` asks for:
    exp(-2 h e) = 1 - eta² (1 - exp(-2 h)).
    """
    h = lambda_s - lambda_t
    if eta in (0, 1) or not math.isfinite(h):
        return 1.0 + eta
    return 1 - math.log1p(eta**2 * math.expm1(-2 * h)) / (2 * h)


def _moments(h: float, n: int) -> Tensor:
    """Return the averages of r, r², ... r^n over r in [0, 1] under the weight exp(h r), by parts."""
    full, moments = -1 / math.expm1(-h), [1.0]
    for k in range(1, n + 1):
        moments.append(full - k / h * moments[-1])
    return torch.tensor(moments[1:], dtype=torch.float64)
