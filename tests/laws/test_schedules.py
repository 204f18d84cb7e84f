"""What every schedule must do, and the processes that follow from it."""

from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import (
    CosineBetas,
    DiscreteBetas,
    Transition,
    ZeroTerminalSNR,
    diffuse,
    log_snr,
    time_of_log_snr,
)
from tests.laws.exact import normal
from tests.laws.members import DIFFWAVE, SCHEDULES

TIMES = torch.linspace(0, 1, 101, dtype=torch.float64)
TABLES = {name: s for name, s in SCHEDULES.items() if isinstance(s, DiscreteBetas)}


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request):
    return request.param


def test_time_zero_is_clean(schedule):
    zero = torch.zeros(())
    assert schedule.alpha(zero) == 1
    assert schedule.sigma(zero) == 0


def test_noise_rises_with_time(schedule):
    assert (log_snr(schedule, TIMES).diff() < 0).all()
    assert (schedule.alpha(TIMES).diff() <= 0).all()


@pytest.mark.parametrize("shape", [(), (3,), (2, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_dtype_are_kept(schedule, shape, dtype):
    t = torch.full(shape, 0.5, dtype=dtype)
    for coefficient in (schedule.alpha(t), schedule.sigma(t)):
        assert coefficient.shape == shape
        assert coefficient.dtype == dtype


def test_single_precision_is_close(schedule):
    for coefficient in (schedule.alpha, schedule.sigma):
        assert_close(coefficient(TIMES.float()).double(), coefficient(TIMES), rtol=1e-4, atol=1e-6)


def test_log_snr_can_be_inverted(schedule):
    assert_close(time_of_log_snr(schedule, log_snr(schedule, TIMES)), TIMES, rtol=1e-9, atol=1e-12)


def test_inverse_is_clamped(schedule):
    ends = torch.tensor([-torch.inf, torch.inf], dtype=torch.float64)
    assert time_of_log_snr(schedule, ends).tolist() == [1, 0]


def test_steps_compose_to_the_closed_form(schedule):
    """Multiplying q(x_t | x_s) over a path gives alpha and sigma of q(x_t | x_0)."""
    mean, variance = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for s, t in pairwise(TIMES):
        step = Transition.between(schedule, s, t)
        mean, variance = step.ratio * mean, step.ratio**2 * variance + step.variance
        assert_close(mean, schedule.alpha(t), rtol=1e-9, atol=1e-12)
        assert_close(variance, schedule.sigma(t) ** 2, rtol=1e-6, atol=1e-12)


def test_simulated_marginals_match_the_closed_form(schedule):
    draw = normal()
    x_0 = torch.full((1, 40000), 0.7)
    x, closed = x_0, diffuse(x_0, draw(x_0), TIMES[-1], schedule)
    for s, t in pairwise(TIMES[::10]):
        x = Transition.between(schedule, s, t).forward(x, draw(x))
    sigma = schedule.sigma(TIMES[-1]).item()
    assert abs(x.mean() - closed.mean()).item() < 0.03 * sigma
    assert x.std().item() == pytest.approx(closed.std().item(), rel=0.02)


@pytest.mark.parametrize("s", [0.0, 0.2, 0.7])
def test_posterior_is_bayes_rule(schedule, s):
    """q(x_s | x_t, x_0) from the joint Gaussian of x_s and x_t, by precision weighting."""
    s, t = torch.tensor([s, s + 0.25], dtype=torch.float64)
    step = Transition.between(schedule, s, t)
    x_0, x_t = torch.tensor([[0.3]], dtype=torch.float64), torch.tensor([[-0.8]], dtype=torch.float64)
    variance = 1 / (1 / step.sigma_s**2 + step.ratio**2 / step.variance)
    mean = step.alpha_s * x_0 + variance * step.ratio / step.variance * (x_t - step.alpha_t * x_0)
    assert_close(step.posterior_variance, variance)
    assert_close(step.posterior_mean(x_t, x_0), mean)


def test_batched_steps_equal_single_ones(schedule):
    draw = normal()
    s, t = torch.tensor([0.1, 0.0, 0.5]), torch.tensor([0.4, 0.2, 1.0])
    x_0, x_t = draw(torch.empty(3, 7)), draw(torch.empty(3, 7))
    batched = Transition.between(schedule, s, t).posterior_mean(x_t, x_0)
    for i in range(3):
        single = Transition.between(schedule, s[i], t[i]).posterior_mean(x_t[i : i + 1], x_0[i : i + 1])
        assert_close(batched[i : i + 1], single)
    assert batched.dtype == torch.float32


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_tables_are_ddpm(table):
    """At its own steps a table gives DDPM's beta and beta tilde (Ho et al. 2020, eq. 4 and 7)."""
    steps = torch.arange(table.n_steps + 1, dtype=torch.float64) / table.n_steps
    step = Transition.between(table, steps[:-1], steps[1:])
    alpha_bar = torch.cat([torch.ones(1, dtype=torch.float64), (1 - table.betas).cumprod(0)])
    tilde = (1 - alpha_bar[:-1]) / (1 - alpha_bar[1:]) * table.betas
    assert_close(step.variance, table.betas, rtol=1e-6, atol=1e-12)
    assert_close(step.posterior_variance, tilde, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_alpha_of_a_table_can_be_inverted(table):
    t = torch.linspace(1 / table.n_steps, 1, 77, dtype=torch.float64)
    assert_close(table.time_of_alpha(table.alpha(t)), t, rtol=1e-9, atol=1e-9)


def test_zero_terminal_snr_keeps_the_first_step_and_ends_in_noise():
    rescaled = ZeroTerminalSNR(schedule=DIFFWAVE)
    assert rescaled.alphas[-1] == 0
    assert_close(rescaled.alphas[1], DIFFWAVE.alphas[1])
    shift = (rescaled.alphas[1:].diff() / DIFFWAVE.alphas[1:].diff()).unique()
    assert_close(shift, shift[:1].expand_as(shift))


def test_cosine_follows_its_curve():
    t = torch.arange(1, 990, dtype=torch.float64) / 1000
    curve = ((t + 0.008) / 1.008 * torch.pi / 2).cos() / torch.tensor(0.008 / 1.008 * torch.pi / 2).double().cos()
    assert_close(CosineBetas(n_steps=1000).alpha(t), curve)
