"""Grids: what all share, what each places where, and what is refused."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import (
    EDM,
    VE,
    VP,
    CosineBetas,
    DiscreteBetas,
    EDMPrediction,
    LinearBetas,
    Transition,
    explicit,
    from_betas,
    karras,
    log_snr,
    log_snr_uniform,
    quadratic,
    uniform,
)
from audiodiff.errors import ConfigError
from tests.laws.members import DIFFWAVE, GRIDS, SCHEDULES

FAST = [1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5]
FINE = torch.float64


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request):
    return request.param


@pytest.mark.parametrize("n_steps", [1, 2, 10, 50])
@pytest.mark.parametrize("name", GRIDS)
def test_grid_falls_from_its_start_to_clean(schedule, name, n_steps):
    for start in (1.0, 0.6):
        times = GRIDS[name](schedule, n_steps, start=start)
        assert times.dtype == FINE
        assert len(times) == n_steps + 1
        assert times[0].item() == pytest.approx(start)
        assert times[-1] == 0
        assert (times.diff() < 0).all()


def test_uniform_visits_the_training_steps():
    assert_close(uniform(DIFFWAVE, 50), torch.arange(50, -1, -1, dtype=FINE) / 50)


def test_quadratic_is_even_in_the_root():
    steps = quadratic(VP(), 10).sqrt().diff()
    assert_close(steps, torch.full_like(steps, -0.1))


def test_log_snr_grid_is_even_in_log_snr():
    steps = log_snr(VE(), log_snr_uniform(VE(), 10, sigma_max=50.0))[:-1].diff()
    assert_close(steps, steps.mean().expand_as(steps), rtol=1e-4, atol=0)


def test_karras_grid_is_the_papers():
    """Karras et al. 2022, eq. 5 with its defaults."""
    i = torch.arange(18, dtype=FINE)
    sigma = (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    assert_close(EDM().sigma(karras(EDM(), 18))[:-1], sigma)


def test_fast_list_of_diffwave_has_ddpms_coefficients():
    """The ancestral walk on the grid is DDPM with the short list of betas itself."""
    times, short = from_betas(DIFFWAVE, FAST), DiscreteBetas(betas=FAST)
    assert len(times) == 7
    own = Transition.between(DIFFWAVE, times[1:], times[:-1])
    ddpm = Transition.between(short, torch.arange(5, -1, -1, dtype=FINE) / 6, torch.arange(6, 0, -1, dtype=FINE) / 6)
    assert_close(own.variance, ddpm.variance, rtol=1e-9, atol=1e-13)
    assert_close(own.posterior_variance, ddpm.posterior_variance, rtol=1e-9, atol=1e-13)
    assert_close(own.ratio, ddpm.ratio, rtol=1e-12, atol=1e-13)


def test_foreign_list_is_clamped_into_the_table():
    """Levels cleaner than the first training step, or noisier than the last, meet at the ends."""
    times = from_betas(DIFFWAVE, [1e-6, 1e-5, 0.01, 0.2, 0.9, 0.9])
    assert times[0] == 1
    assert_close(times[-2], torch.tensor(1 / 50, dtype=FINE))
    assert len(times) == 5


BAD_GRIDS = {
    "no steps": (lambda: uniform(VP(), 0), "at least one step"),
    "negative steps": (lambda: karras(VP(), -3), "at least one step"),
    "empty": (lambda: explicit(VP(), []), "at least two times"),
    "start beyond noise": (lambda: uniform(VP(), 4, start=1.2), "fall strictly from at most 1"),
    "start at clean": (lambda: uniform(VP(), 4, start=0.0), "fall strictly"),
    "below the first training step": (lambda: explicit(DIFFWAVE, [1.0, 0.01, 0.0]), "first training step"),
    "noise range upside down": (lambda: karras(VP(), 4, sigma_min=5.0, sigma_max=1.0), "fall strictly"),
    "betas on a path without a table": (lambda: from_betas(VP(), FAST), "table of betas"),
}


@pytest.mark.parametrize("name", BAD_GRIDS)
def test_bad_grid_is_refused(name):
    build, message = BAD_GRIDS[name]
    with pytest.raises(ConfigError, match=message):
        build()


BAD_SCHEDULES = {
    "no betas": (lambda: DiscreteBetas(betas=[]), "at least one beta"),
    "beta of zero": (lambda: DiscreteBetas(betas=[0.1, 0.0]), "beta 0 at step 1"),
    "beta above one": (lambda: DiscreteBetas(betas=[0.1, 1.2]), "beta 1.2 at step 1"),
    "beta of one in the middle": (lambda: DiscreteBetas(betas=[0.1, 1.0, 0.1]), "beta 1 at step 1"),
    "beta not a number": (lambda: DiscreteBetas(betas=[0.1, float("nan")]), "beta nan at step 1"),
    "no linear steps": (lambda: LinearBetas(first=0.1, last=0.2, n_steps=0), "n_steps = 0"),
    "no cosine steps": (lambda: CosineBetas(n_steps=-1), "n_steps = -1"),
    "falling to nothing": (lambda: LinearBetas(first=0.1, last=-0.2, n_steps=5), "outside"),
    "vp without noise": (lambda: VP(beta_min=0.0), "0 < beta_min"),
    "ve upside down": (lambda: VE(sigma_min=5.0, sigma_max=1.0), "sigma_min < sigma_max"),
    "edm without noise": (lambda: EDM(sigma_max=0.0), "positive noise"),
    "edm without data": (lambda: EDMPrediction(sigma_data=0.0), "standard deviation"),
}


@pytest.mark.parametrize("name", BAD_SCHEDULES)
def test_bad_schedule_is_refused(name):
    build, message = BAD_SCHEDULES[name]
    with pytest.raises(ConfigError, match=message):
        build()
