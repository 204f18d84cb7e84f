"""The forward process and its posterior, for any schedule: everything that is known before any network is."""

from dataclasses import dataclass

import torch
from torch import Tensor

from audiodiff.diffusion.schedules import Schedule, coefficients, fit
from audiodiff.types import Time


def diffuse(x_0: Tensor, eps: Tensor, t: Time, schedule: Schedule) -> Tensor:
    """Return x_t = alpha x_0 + sigma eps, a draw from q(x_t | x_0) (Ho et al. 2020, eq. 4)."""
    alpha, sigma = coefficients(schedule, t, x_0)
    return alpha * x_0 + sigma * eps


def start_scale(schedule: Schedule, t: Time) -> Tensor:
    """The factor on unit noise at the time t where a sampler starts, as if clean data had unit variance.

    It is the root of alpha² + sigma².
    """
    return torch.hypot(schedule.alpha(t), schedule.sigma(t))


@dataclass(frozen=True, kw_only=True, eq=False)
class Transition:
    """Two times of one process, s cleaner than t, and the Gaussians that lead from one to the other.

    Forward, q(x_t | x_s) has mean `ratio` x_s and variance `variance`; backward, q(x_s | x_t, x_0) has mean
    `posterior_mean` and variance `posterior_variance` (Kingma et al. 2021, appendix A; for one step of a beta
    table Ho et al. 2020, eq. 2, 6 and 7). All coefficients are float64, one for all or one per item.
    """

    alpha_s: Time
    sigma_s: Time
    alpha_t: Time
    sigma_t: Time

    @classmethod
    def between(cls, schedule: Schedule, s: Time, t: Time) -> "Transition":
        """Return the transition between the times s and t."""
        s, t = s.double(), t.double()
        return cls(
            alpha_s=schedule.alpha(s),
            sigma_s=schedule.sigma(s),
            alpha_t=schedule.alpha(t),
            sigma_t=schedule.sigma(t),
        )

    @property
    def ratio(self) -> Time:
        """The factor on x_s in x_t; sqrt(1 - beta) for one step of a beta table."""
        return self.alpha_t / self.alpha_s

    @property
    def variance(self) -> Time:
        """The variance added from s to t: beta for one step of a table, the larger choice of DDPM."""
        return (self.sigma_t**2 - (self.ratio * self.sigma_s) ** 2).clamp(min=0)

    @property
    def posterior_variance(self) -> Time:
        """The variance of q(x_s | x_t, x_0), the smaller choice of DDPM (beta tilde); 0 if s is clean."""
        return self.variance * (self.sigma_s / self.sigma_t) ** 2

    @property
    def decoder_variance(self) -> Time:
        """`posterior_variance`, but where s is clean `variance`, as x_0 is not known from x_t for certain."""
        return torch.where(self.sigma_s > 0, self.posterior_variance, self.variance)

    def forward(self, x_s: Tensor, eps: Tensor) -> Tensor:
        """Return a draw from q(x_t | x_s)."""
        return fit(self.ratio, x_s) * x_s + fit(self.variance.sqrt(), x_s) * eps

    def backward(self, x_t: Tensor, x_0: Tensor, variance: Time | None = None) -> Tensor:
        """Return the mean of x_s if noise of `variance` is added to it afterwards (Song et al. 2021, eq. 12).

        With none that is DDIM and the Euler step; with `posterior_variance` the posterior mean.
        """
        left = self.sigma_s**2 if variance is None else (self.sigma_s**2 - variance).clamp(min=0)
        kept = left.sqrt() / self.sigma_t
        return fit(kept, x_t) * x_t + fit(self.alpha_s - kept * self.alpha_t, x_0) * x_0

    def posterior_mean(self, x_t: Tensor, x_0: Tensor) -> Tensor:
        """Return the mean of q(x_s | x_t, x_0)."""
        return self.backward(x_t, x_0, self.posterior_variance)
