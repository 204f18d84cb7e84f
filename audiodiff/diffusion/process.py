"""The forward process and its posterior, for any schedule: everything that is known before any network is."""

from dataclasses import dataclass

from torch import Tensor

from audiodiff.diffusion.schedules import Schedule, coefficients
from audiodiff.types import Time


def diffuse(x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
    """Return x_t = alpha x_0 + sigma eps, a draw from q(x_t | x_0) (Ho et al. 2020, eq. 4)."""
    alpha, sigma = coefficients(schedule, t, x_0)
    return alpha * x_0 + sigma * eps


@dataclass(frozen=True, kw_only=True)
class Transition:
    """Two times of one process, s cleaner than t, and the Gaussians that lead from one to the other.

    Forward, q(x_t | x_s) has mean `ratio` x_s and variance `variance`; backward, q(x_s | x_t, x_0) has mean
    `posterior_mean` and variance `posterior_variance` (Kingma et al. 2021, appendix A; for one step of a beta
    table Ho et al. 2020, eq. 2, 6 and 7).
    """

    alpha_s: Tensor
    sigma_s: Tensor
    alpha_t: Tensor
    sigma_t: Tensor

    @classmethod
    def between(cls, schedule: Schedule, s: Time, t: Time, x: Tensor) -> "Transition":
        """Return the transition between s and t, with coefficients that multiply `x`."""
        alpha_s, sigma_s = coefficients(schedule, s, x)
        alpha_t, sigma_t = coefficients(schedule, t, x)
        return cls(alpha_s=alpha_s, sigma_s=sigma_s, alpha_t=alpha_t, sigma_t=sigma_t)

    @property
    def ratio(self) -> Tensor:
        """The factor on x_s in x_t; sqrt(1 - beta) for one step of a beta table."""
        return self.alpha_t / self.alpha_s

    @property
    def variance(self) -> Tensor:
        """The variance added from s to t: beta for one step of a table, the larger choice of DDPM."""
        return (self.sigma_t**2 - (self.ratio * self.sigma_s) ** 2).clamp(min=0)

    @property
    def posterior_variance(self) -> Tensor:
        """The variance of q(x_s | x_t, x_0), the smaller choice of DDPM (beta tilde)."""
        return self.variance * (self.sigma_s / self.sigma_t) ** 2

    def forward(self, x_s: Tensor, eps: Tensor) -> Tensor:
        """Return a draw from q(x_t | x_s)."""
        return self.ratio * x_s + self.variance.sqrt() * eps

    def backward(self, x_t: Tensor, x_0: Tensor, variance: Tensor) -> Tensor:
        """Return the mean of x_s if noise of `variance` is added to it afterwards (Song et al. 2021, eq. 12).

        With `variance` 0 that is DDIM and the Euler step; with `posterior_variance` the posterior mean.
        """
        kept = (self.sigma_s**2 - variance).clamp(min=0).sqrt() / self.sigma_t
        return kept * x_t + (self.alpha_s - kept * self.alpha_t) * x_0

    def posterior_mean(self, x_t: Tensor, x_0: Tensor) -> Tensor:
        """Return the mean of q(x_s | x_t, x_0)."""
        return self.backward(x_t, x_0, self.posterior_variance)
