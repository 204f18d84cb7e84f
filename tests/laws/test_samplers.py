"""What every sampler must do, whatever the schedule."""

import math

import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import ancestral, ddim, explicit, heun, log_snr, log_snr_uniform, time_of_log_snr, uniform
from tests.laws.exact import GAUSSIAN, TWO_MODES, normal
from tests.laws.members import DETERMINISTIC, GRIDS, SAMPLERS, SCHEDULES, STOCHASTIC

ORDERS = {  # the slopes that must at least be measured, by method
    "ddim": 1,
    "heun": 2,
    "dpmpp_2m": 2,
    "dpmpp_2m_polynomial": 2,
    "dpmpp_3m": 2,
    "unipc_1": 2,
    "unipc_2": 3,
    "unipc_3": 3,
    "unipc_3_bh1": 3,
}


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request):
    return request.param


def begin(data, schedule, times, shape, seed=0):
    """A true state of the data at the first time of the grid."""
    generator = torch.Generator().manual_seed(seed)
    eps = torch.randn(shape, generator=generator)
    return schedule.alpha(times[0]) * data.draw(shape, generator) + schedule.sigma(times[0]) * eps


def largest_cdf_difference(x, data):
    """The Kolmogorov-Smirnov distance between samples and their distribution."""
    ranked = x.flatten().sort().values
    return (data.cdf(ranked) - torch.linspace(0, 1, len(ranked))).abs().max().item()


@pytest.mark.parametrize("data", [GAUSSIAN, TWO_MODES], ids=["gaussian", "two_modes"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler_recovers_the_data(schedule, name, data):
    times = log_snr_uniform(schedule, 40, sigma_min=0.02)
    x = begin(data, schedule, times, (40, 100))
    *_, x_0 = SAMPLERS[name](data.denoiser(schedule), schedule, x, times, normal(1))
    assert x_0.dtype == torch.float32
    print("KS", name, largest_cdf_difference(x_0, data))


def exact_flow(schedule, x, t, to):
    """The solution of the probability-flow ODE of Gaussian data: every quantile stays where it is."""
    (mean,), (std,) = GAUSSIAN.means, GAUSSIAN.stds
    spread = [torch.hypot(schedule.alpha(u) * std, schedule.sigma(u)) for u in (t, to)]
    return schedule.alpha(to) * mean + spread[1] / spread[0] * (x - schedule.alpha(t) * mean)


def error_at(sampler, schedule, n_steps, low=0.1, high=5.0):
    """The error after n steps that are even in log-SNR, from sigma / alpha = high to low."""
    levels = torch.linspace(math.log(high), math.log(low), n_steps + 1, dtype=torch.float64)
    times = torch.cat([time_of_log_snr(schedule, -2 * levels), torch.zeros(2)[:1]])
    x = torch.tensor([[-1.0, 0.2, 2.0]], dtype=torch.float64)
    *_, state, _ = sampler(GAUSSIAN.denoiser(schedule), schedule, x, times, normal())
    return (state - exact_flow(schedule, x, times[0], times[-2])).abs().max().item()


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_error_falls_with_the_published_order(schedule, name):
    slope = math.log2(error_at(DETERMINISTIC[name], schedule, 40) / error_at(DETERMINISTIC[name], schedule, 80))
    print("ORDER", name, slope)
