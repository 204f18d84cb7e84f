"""What a network is trained to output, and how that output becomes an estimate of x_0.

Every formula is written in alpha and sigma. The x0, v and velocity predictions also work where alpha = 0, in
pure noise; the eps prediction does not.
"""

from typing import Protocol

from torch import Tensor

from audiodiff.diffusion.schedules import Schedule, coefficients
from audiodiff.types import Time


class Prediction(Protocol):
    """The meaning of a network's output, and the form in which the network sees x_t and t."""

    def x0(self, output: Tensor, x_t: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Turn the output at (x_t, t) into an estimate of x_0."""
        ...

    def target(self, x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return the output that a perfect network would give for x_t = alpha x_0 + sigma eps."""
        ...

    def scale_input(self, x_t: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return what the network is shown in place of x_t."""
        ...

    def noise_label(self, t: Time, schedule: Schedule) -> Time:
        """Return what the network is told about the noise level."""
        ...


class PlainInput:
    """The network sees x_t as it is and is told t."""

    def scale_input(self, x_t: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return x_t."""
        return x_t

    def noise_label(self, t: Time, schedule: Schedule) -> Time:
        """Return t."""
        return t


class EpsPrediction(PlainInput):
    """The output is the noise eps (Ho et al. 2020, eq. 14); needs alpha > 0."""

    def x0(self, output: Tensor, x_t: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return (x_t - sigma eps) / alpha (Ho et al. 2020, eq. 15)."""
        alpha, sigma = coefficients(schedule, t, x_t)
        return (x_t - sigma * output) / alpha

    def target(self, x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return eps."""
        return eps


class X0Prediction(PlainInput):
    """The output is the clean waveform x_0 (Ho et al. 2020, section 3.2)."""

    def x0(self, output: Tensor, x_t: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return the output."""
        return output

    def target(self, x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return x_0."""
        return x_0


class VelocityPrediction(PlainInput):
    """The output is u = eps - x_0, or dx_t/dt on the straight path (Lipman et al. 2023, time reversed)."""

    def x0(self, output: Tensor, x_t: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return (x_t - sigma u) / (alpha + sigma); on the straight path that is x_t - t u."""
        alpha, sigma = coefficients(schedule, t, x_t)
        return (x_t - sigma * output) / (alpha + sigma)

    def target(self, x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return eps - x_0."""
        return eps - x_0
