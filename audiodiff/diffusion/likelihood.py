"""Likelihood of a waveform under a model, in bits per sample.

Audio is discrete: a sample stands for a bin of `bin_width` (2^-15 for 16 bits), so bits = -log2(density · width).
The bins are taken to be narrow beside the noise of the last step, as those of 16-bit audio are.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.flow import Slope
from audiodiff.diffusion.grids import Times, check_grid, log_snr_uniform
from audiodiff.diffusion.process import Transition, diffuse
from audiodiff.diffusion.reverse import Variance, check_variance, reverse
from audiodiff.diffusion.schedules import Schedule, fit
from audiodiff.types import Noise, Time, Wave

Bits = Float[Tensor, " batch"]

SIXTEEN_BIT = 2.0**-15
FLOW_STEPS, FLOW_NOISE = 200, 0.005
"""The default grid of `flow_bits`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class VariationalBound:
    """The terms of the variational bound, in bits per sample, one value per item of the batch.

    `prior` is L_T, `steps` L_{T-1} ... L_1 from noisy to clean, `decoder` L_0 (Ho et al. 2020, eq. 5).
    """

    prior: Bits
    steps: Float[Tensor, "steps batch"]
    decoder: Bits

    @property
    def total(self) -> Bits:
        """The bound itself: the model's code length is at most this."""
        return self.prior + self.steps.sum(dim=0) + self.decoder


def variational_bound(
    denoise: Denoise,
    schedule: Schedule,
    x_0: Wave,
    times: Times,
    noise: Noise,
    *,
    variance: Variance = "small",
    prior_std: float = 1.0,
    bin_width: float = SIXTEEN_BIT,
) -> VariationalBound:
    """Estimate the bound of the discrete model over the grid `times`, with one draw of noise per step.

    Sampling is taken to start from N(0, prior_std²).
    """
    check_grid(schedule, times)
    check_variance(denoise, variance)
    terms = []
    for t, s in pairwise(times):
        step, x_t = Transition.between(schedule, s, t), diffuse(x_0, noise(x_0), t, schedule)
        terms.append(bound_term(x_0, x_t, *reverse(denoise, x_t, t, step, variance), step, bin_width=bin_width))
    alpha, sigma = schedule.alpha(times[0]), schedule.sigma(times[0])
    start = torch.tensor(prior_std**2, dtype=torch.float64)
    prior = _bits(gaussian_kl(alpha * x_0, sigma**2, torch.zeros_like(x_0), start))
    return VariationalBound(prior=prior, steps=torch.stack(terms)[:-1], decoder=terms[-1])


def bound_term(
    x_0: Wave,
    x_t: Wave,
    mean: Wave,
    variance: Tensor,
    step: Transition,
    *,
    bin_width: float = SIXTEEN_BIT,
) -> Bits:
    """Return L_{t-1}: the divergence of p(x_s | x_t) = N(mean, variance) from the posterior (Ho et al. 2020, eq. 5).

    Where s is clean it is L_0, the code length of x_0 itself under N(mean, variance).
    """
    posterior = fit(step.decoder_variance, x_0)
    divergence = gaussian_kl(step.posterior_mean(x_t, x_0), posterior, mean, variance)
    code_length = gaussian_code_length(x_0, mean, variance) - math.log(bin_width)
    return _bits(torch.where(fit(step.sigma_s, x_0).to(x_0.device) > 0, divergence, code_length))


def gaussian_kl(mean: Tensor, variance: Tensor, other_mean: Tensor, other_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) || N(other_mean, other_variance)) per sample, in nats."""
    ratio = variance / other_variance
    return ((mean - other_mean) ** 2 / other_variance + ratio - 1 - ratio.log()) / 2


def gaussian_code_length(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return -ln N(x; mean, variance) per sample, in nats."""
    return ((x - mean) ** 2 / variance + (2 * math.pi * variance).log()) / 2


def flow_bits(
    denoise: Denoise,
    schedule: Schedule,
    x_0: Wave,
    times: Times | None,
    noise: Noise,
    *,
    prior_std: float = 1.0,
    bin_width: float = SIXTEEN_BIT,
) -> Bits:
    """Return the code length of `x_0` under the probability-flow ODE (Song et al. 2021, appendix D.2).

    The grid is walked from clean to noise by the trapezoid rule, and the divergence of the flow is estimated with
    one random sign per sample (Hutchinson), held for the whole path. Below the grid's last noisy time the data is
    taken as exact, so that time should be small. `times` None takes `FLOW_STEPS` even steps in log-SNR down to a
    noise of `FLOW_NOISE`, which suits every schedule. The flow ends in N(0, prior_std²).
    """
    times = log_snr_uniform(schedule, FLOW_STEPS, sigma_min=FLOW_NOISE) if times is None else times
    check_grid(schedule, times)
    signs = noise(x_0).sign()
    rising = times[:-1].flip(0)
    x = schedule.alpha(rising[0]) * x_0
    volume = schedule.alpha(rising[0]).log() * torch.ones_like(x_0)  # d x / d x_0, in logarithms, per sample
    for t, to in pairwise(rising):
        here, growth = _slope_and_growth(denoise, schedule, x, t, signs)
        ahead, later = _slope_and_growth(denoise, schedule, here.move(x, schedule, t, to), to, signs)
        x = here.average(ahead).move(x, schedule, t, to)
        volume = growth.average(later).move(volume, schedule, t, to)
    start = torch.tensor(prior_std**2, dtype=torch.float64)
    end = gaussian_code_length(x, torch.zeros_like(x), start)
    return _bits(end - volume - math.log(bin_width))


def _slope_and_growth(denoise: Denoise, schedule: Schedule, x: Wave, t: Time, signs: Wave) -> tuple[Slope, Slope]:
    """Return the slope of the flow at (x, t), and the same two parts of its divergence."""
    with torch.inference_mode(False), torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        x_0 = denoise(leaf, t)
        pull = signs * torch.autograd.grad(x_0, leaf, signs.clone())[0]
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    x_0 = x_0.detach()
    return Slope(x_0, (x - alpha * x_0) / sigma), Slope(pull, (1 - alpha * pull) / sigma)


def _bits(nats: Tensor) -> Bits:
    return nats.flatten(1).mean(dim=1) / math.log(2)
