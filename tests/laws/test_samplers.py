"""What every sampler must do, whatever the schedule."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import LinearBetas, StraightPath, ancestral, ddim, uniform
from tests.laws.exact import gaussian_denoiser, normal

SCHEDULES = [LinearBetas(first=1e-4, last=0.05, n_steps=50), StraightPath()]
SAMPLERS = [ancestral, ddim, partial(ddim, eta=1.0)]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sampler_recovers_gaussian_data(schedule, sampler):
    """Started from the true state at the first time, it must return the distribution of the data."""
    times = uniform(schedule, 200)
    draw = normal()
    start = torch.empty(100, 100)
    x = schedule.alpha(times[0]) * 0.5 * draw(start) + schedule.sigma(times[0]) * draw(start)
    *_, x_0 = sampler(gaussian_denoiser(schedule), schedule, x, times, draw)
    assert x_0.dtype == torch.float32
    assert x_0.mean().item() == pytest.approx(0.0, abs=0.02)
    assert x_0.std().item() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ddim_with_eta_one_is_ancestral(schedule):
    """Song et al. 2021, section 4.1."""
    times, x = uniform(schedule, 50), normal()(torch.empty(4, 16))
    denoise = gaussian_denoiser(schedule)
    one = list(ddim(denoise, schedule, x, times, normal(1), eta=1.0))
    other = list(ancestral(denoise, schedule, x, times, normal(1)))
    assert_close(one, other)
