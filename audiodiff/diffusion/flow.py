"""The probability-flow ODE dx = x_0 d alpha + eps d sigma, and its Euler and trapezoid steps.

x_0 and eps = (x - alpha x_0) / sigma are the denoiser's estimates. For alpha = 1 this is EDM's dx/d sigma =
(x - D) / sigma (Karras et al. 2022, eq. 3), on the straight path the velocity eps - x_0.
"""

from dataclasses import dataclass

from torch import Tensor

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.schedules import Schedule
from audiodiff.types import Time, Wave


@dataclass(frozen=True, eq=False)
class Slope:
    """The two parts of dx at one point: its change with alpha, and with sigma."""

    x_0: Tensor
    eps: Tensor

    def average(self, other: "Slope") -> "Slope":
        """Return the mean of two slopes (the trapezoid rule)."""
        return Slope((self.x_0 + other.x_0) / 2, (self.eps + other.eps) / 2)

    def move(self, x: Tensor, schedule: Schedule, t: Time, to: Time) -> Tensor:
        """Return x after a straight step from t to `to`."""
        rise = schedule.alpha(to) - schedule.alpha(t)
        return x + rise * self.x_0 + (schedule.sigma(to) - schedule.sigma(t)) * self.eps


def slope(denoise: Denoise, schedule: Schedule, x: Wave, t: Time) -> Slope:
    """Return the slope at (x, t); one call of the network."""
    x_0 = denoise(x, t)
    return Slope(x_0, (x - schedule.alpha(t) * x_0) / schedule.sigma(t))


def heun_step(denoise: Denoise, schedule: Schedule, x: Wave, t: Time, to: Time) -> Wave:
    """Move from t to `to` by the trapezoid rule (Karras et al. 2022, algorithm 1); to clean by Euler's step."""
    here = slope(denoise, schedule, x, t)
    ahead = here.move(x, schedule, t, to)
    if schedule.sigma(to) == 0:
        return ahead
    return here.average(slope(denoise, schedule, ahead, to)).move(x, schedule, t, to)
