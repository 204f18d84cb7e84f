"""Predictions: the output that a network is trained for, and the estimate of x_0 that follows from it.

All are one formula, x_0 = c_skip x_t + c_out F(c_in x_t, c_noise) (Karras et al. 2022, eq. 7), with

    prediction  F                   c_skip             c_out
    eps         eps                 1 / alpha          -sigma / alpha
    x0          x_0                 0                  1
    v           alpha eps - sigma x_0   alpha / r²     -sigma / r²             r² = alpha² + sigma²
    velocity    eps - x_0           1 / (alpha + sigma)   -sigma / (alpha + sigma)
    score       -eps / sigma        1 / alpha          sigma² / alpha
    EDM         see there           alpha d² / r²      sigma d / r             r² = alpha² d² + sigma²

Where alpha = 0, in pure noise, eps and score tell nothing of x_0; the others work there too.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from audiodiff.diffusion.process import Transition
from audiodiff.diffusion.schedules import Schedule, coefficients, fit, log_snr
from audiodiff.errors import ConfigError
from audiodiff.types import Time


@runtime_checkable
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

    def c_out(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return the factor by which an error of the output becomes an error of x_0."""
        ...


class Affine:
    """x_0 from c_skip and c_out, for a network that sees x_t as it is and is told t."""

    def c_skip(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return the factor on x_t: by default 1 / alpha."""
        return 1 / alpha

    def c_out(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return the factor on the output: by default -sigma / alpha."""
        return -sigma / alpha

    def x0(self, output: Tensor, x_t: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return c_skip x_t + c_out F."""
        alpha, sigma = coefficients(schedule, t, x_t)
        return self.c_skip(alpha, sigma) * x_t + self.c_out(alpha, sigma) * output

    def scale_input(self, x_t: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return x_t."""
        return x_t

    def noise_label(self, t: Time, schedule: Schedule) -> Time:
        """Return t."""
        return t


class EpsPrediction(Affine):
    """F = eps, the noise (Ho et al. 2020, eq. 14 and 15)."""

    def target(self, x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return eps."""
        return eps


class X0Prediction(Affine):
    """F = x_0, the clean waveform (Ho et al. 2020, section 3.2)."""

    def c_skip(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return 0."""
        return torch.zeros_like(alpha)

    def c_out(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return 1."""
        return torch.ones_like(alpha)

    def target(self, x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return x_0."""
        return x_0


class VPrediction(Affine):
    """F = v = alpha eps - sigma x_0 (Salimans & Ho 2022, section 4)."""

    def c_skip(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return alpha / (alpha² + sigma²)."""
        return alpha / (alpha**2 + sigma**2)

    def c_out(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return -sigma / (alpha² + sigma²)."""
        return -sigma / (alpha**2 + sigma**2)

    def target(self, x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return alpha eps - sigma x_0."""
        alpha, sigma = coefficients(schedule, t, x_0)
        return alpha * eps - sigma * x_0


class VelocityPrediction(Affine):
    """F = u = eps - x_0, which is dx_t/dt on the straight path (Lipman et al. 2023, time reversed)."""

    def c_skip(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return 1 / (alpha + sigma), 1 on the straight path."""
        return 1 / (alpha + sigma)

    def c_out(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return -sigma / (alpha + sigma), -t on the straight path."""
        return -sigma / (alpha + sigma)

    def target(self, x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return eps - x_0."""
        return eps - x_0


class ScorePrediction(Affine):
    """F = the score of x_t, grad log q(x_t | x_0) = -eps / sigma (Song et al. 2021, eq. 7); x_0 by Tweedie."""

    def c_out(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return sigma² / alpha."""
        return sigma**2 / alpha

    def target(self, x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return -eps / sigma."""
        _, sigma = coefficients(schedule, t, x_0)
        return -eps / sigma


class EDMPrediction(Affine):
    """EDM's preconditioning (Karras et al. 2022, eq. 7 and table 1), written for any alpha and sigma.

    With d = `sigma_data` and r² = alpha² d² + sigma² (the variance of x_t), the input x_t / r and the output
    F = (sigma x_0 - alpha d² eps) / (d r) both have unit variance, and the label is ln(sigma / alpha) / 4.
    """

    def __init__(self, *, sigma_data: float) -> None:
        if not sigma_data > 0:
            raise ConfigError(f"sigma_data = {sigma_data:g}: expected the standard deviation of clean audio.")
        self.sigma_data = sigma_data

    def c_skip(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return alpha d² / r²."""
        return alpha * self.sigma_data**2 / self._r(alpha, sigma) ** 2

    def c_out(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return sigma d / r."""
        return sigma * self.sigma_data / self._r(alpha, sigma)

    def target(self, x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return (sigma x_0 - alpha d² eps) / (d r)."""
        alpha, sigma = coefficients(schedule, t, x_0)
        d = self.sigma_data
        return (sigma * x_0 - alpha * d**2 * eps) / (d * self._r(alpha, sigma))

    def scale_input(self, x_t: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return x_t / r."""
        return x_t / self._r(*coefficients(schedule, t, x_t))

    def noise_label(self, t: Time, schedule: Schedule) -> Time:
        """Return ln(sigma / alpha) / 4."""
        return -log_snr(schedule, t) / 8

    def _r(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return torch.hypot(alpha * self.sigma_data, sigma)


class LearnedVariance:
    """A prediction with a second output v that places the variance of the reverse step between its two bounds.

    The output is [batch, 2, ...]: the output of `mean`, and v of exp(v ln beta + (1 - v) ln beta_tilde) (Nichol &
    Dhariwal 2021, eq. 15). Everything but v is that of `mean`.
    """

    def __init__(self, *, mean: Prediction) -> None:
        self.mean = mean
        self.target = mean.target
        self.scale_input = mean.scale_input
        self.noise_label = mean.noise_label
        self.c_out = mean.c_out

    def x0(self, output: Tensor, x_t: Tensor, t: Time, schedule: Schedule) -> Tensor:
        """Return the estimate of x_0 from the first output."""
        return self.mean.x0(output[:, 0], x_t, t, schedule)

    def share(self, output: Tensor) -> Tensor:
        """Return v, the second output."""
        return output[:, 1]

    @staticmethod
    def variance(share: Tensor, step: Transition) -> Tensor:
        """Return the variance of p(x_s | x_t) that v stands for."""
        large, small = fit(step.variance.log(), share), fit(step.decoder_variance.log(), share)
        return (share * large + (1 - share) * small).exp()
