"""What every sampler must do, whatever the schedule."""

import math
from itertools import pairwise

import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import (
    ancestral,
    ddim,
    diffuse,
    dpmpp_2m,
    dpmpp_3m,
    edm_stochastic,
    explicit,
    heun,
    log_snr,
    log_snr_uniform,
    restart,
    time_of_log_snr,
    uniform,
    unipc,
)
from audiodiff.diffusion.samplers.exponential import sde_rate
from audiodiff.errors import ConfigError
from tests.laws.exact import GAUSSIAN, TWO_MODES, normal
from tests.laws.members import DETERMINISTIC, DIFFWAVE, SAMPLERS, SCHEDULES, STOCHASTIC

ORDERS = {  # what must at least be measured; a first step of order p leaves p + 1 in the whole
    "ddim": 1,
    "heun": 2,
    "dpmpp_2m": 2,
    "dpmpp_2m_polynomial": 2,
    "dpmpp_2s": 2,
    "dpmpp_3m": 2,
    "dpmpp_3m_polynomial": 3,
    "unipc_1": 2,
    "unipc_2": 3,
    "unipc_3": 3,
    "unipc_3_bh1": 3,
}


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request):
    return request.param


def begin(data, schedule, times, shape):
    """A true state of the data at the first time of the grid."""
    x_0 = data.draw(shape, torch.Generator().manual_seed(0)).float()
    return diffuse(x_0, normal(1)(x_0), times[0], schedule)


def cdf_error(x, data):
    """The Kolmogorov-Smirnov distance between samples and their distribution."""
    ranked = x.double().flatten().sort().values
    return (data.cdf(ranked) - torch.linspace(0, 1, len(ranked))).abs().max().item()


@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler_recovers_two_modes(schedule, name):
    """With the exact denoiser of a mixture, any consistent sampler must return that mixture."""
    times = log_snr_uniform(schedule, 30, sigma_min=0.02)
    x = begin(TWO_MODES, schedule, times, (20, 150))
    *_, x_0 = SAMPLERS[name](TWO_MODES.denoiser(schedule), schedule, x, times, normal(2))
    assert x_0.dtype == torch.float32
    assert cdf_error(x_0, TWO_MODES) < 0.06


@pytest.mark.parametrize("name", STOCHASTIC)
@pytest.mark.parametrize("schedule", [SCHEDULES[name] for name in ("diffwave_50", "vp", "ve", "straight")])
def test_stochastic_sampler_recovers_a_gaussian(schedule, name):
    """Their bias is of first order in the step, so they need many."""
    times = log_snr_uniform(schedule, 200, sigma_min=0.02)
    x = begin(GAUSSIAN, schedule, times, (20, 200))
    *_, x_0 = STOCHASTIC[name](GAUSSIAN.denoiser(schedule), schedule, x, times, normal(2))
    assert x_0.mean().item() == pytest.approx(0.3, abs=0.03)
    assert x_0.std().item() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_deterministic_sampler_recovers_a_gaussian(schedule, name):
    """Every quantile comes out where it belongs, so no sample is needed."""
    times = log_snr_uniform(schedule, 40, sigma_min=0.02)
    quantiles = torch.tensor([[-2.0, -1.0, 0.0, 1.0, 2.0]], dtype=torch.float64)
    spread = torch.hypot(schedule.alpha(times[0]) * 0.5, schedule.sigma(times[0]))
    x = schedule.alpha(times[0]) * 0.3 + spread * quantiles
    *_, x_0 = DETERMINISTIC[name](GAUSSIAN.denoiser(schedule), schedule, x, times, normal())
    assert_close(x_0, 0.3 + 0.5 * quantiles, rtol=0, atol=0.06 if name == "ddim" else 0.01)


def exact_flow(schedule, x, t, to):
    """The solution of the probability-flow ODE of GAUSSIAN: every quantile stays where it is."""
    mean, std = GAUSSIAN.means.squeeze(), GAUSSIAN.stds.squeeze()
    spread = [torch.hypot(schedule.alpha(u) * std, schedule.sigma(u)) for u in (t, to)]
    return schedule.alpha(to) * mean + spread[1] / spread[0] * (x - schedule.alpha(t) * mean)


def gentle_start(low, high, n_steps):
    """Even levels of ln(sigma / alpha) after a few that grow from h²/4 to h, so that no first step spoils it."""
    h = math.log(high / low) / n_steps
    levels, width = [math.log(high)], h**2 / 4
    while width < h:
        levels.append(levels[-1] - width)
        width *= 1.5
    rest = round((levels[-1] - math.log(low)) / h)
    even = torch.linspace(levels[-1], math.log(low), rest + 1, dtype=torch.float64)
    return torch.cat([torch.tensor(levels[:-1], dtype=torch.float64), even])


def solution_error(sampler, schedule, n_steps):
    """The error at sigma / alpha = 0.1, the last stop but one, of a walk of about n steps."""
    high = min(5.0, (-log_snr(schedule, torch.ones(()).double()) / 2).exp().item())
    times = time_of_log_snr(schedule, -2 * gentle_start(0.1, high, n_steps))
    x = torch.tensor([[-1.0, 0.2, 2.0]], dtype=torch.float64)
    grid = explicit(schedule, [*times.tolist(), 0.0])
    *_, state, _ = sampler(GAUSSIAN.denoiser(schedule), schedule, x, grid, normal())
    return (state - exact_flow(schedule, x, grid[0], grid[-2])).abs().max().item()


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_error_falls_with_the_published_order(schedule, name):
    coarse, fine = (solution_error(DETERMINISTIC[name], schedule, n) for n in (24, 48))
    assert math.log2(coarse / fine) > ORDERS[name] - 0.1


def test_corrected_start_keeps_the_third_order(schedule):
    """Even steps from the first on: a first step of first order would leave second order in the whole."""

    def error(n_steps):
        high = min(5.0, (-log_snr(schedule, torch.ones(()).double()) / 2).exp().item())
        levels = torch.linspace(math.log(high), math.log(0.1), n_steps + 1, dtype=torch.float64)
        grid = explicit(schedule, [*time_of_log_snr(schedule, -2 * levels).tolist(), 0.0])
        x = torch.tensor([[-1.0, 0.2, 2.0]], dtype=torch.float64)
        *_, state, _ = dpmpp_3m(GAUSSIAN.denoiser(schedule), schedule, x, grid, normal(), guess="polynomial")
        return (state - exact_flow(schedule, x, grid[0], grid[-2])).abs().max().item()

    assert math.log2(error(48) / error(96)) > 2.85


@pytest.mark.parametrize("eta", [0.0, 0.3, 0.7, 1.0])
def test_rate_of_a_noisy_step_has_its_variance(eta):
    """1 - exp(-2 h e) = eta² (1 - exp(-2 h)), where the rate is 1 + e."""
    share = sde_rate(0.2, 0.9, eta) - 1
    assert 1 - math.exp(-2 * 0.7 * share) == pytest.approx(eta**2 * (1 - math.exp(-2 * 0.7)))


def test_higher_order_is_more_exact(schedule):
    def errors(*names):
        return [solution_error(DETERMINISTIC[name], schedule, 32) for name in names]

    for falling in (
        errors("ddim", "dpmpp_2m", "dpmpp_3m", "dpmpp_3m_polynomial"),
        errors("unipc_1", "unipc_2", "unipc_3"),
    ):
        assert all(worse > better for worse, better in pairwise(falling))


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_deterministic_sampler_draws_nothing(name):
    def no_noise(x):
        raise AssertionError("a deterministic sampler asked for noise")

    schedule = SCHEDULES["straight"]
    states = DETERMINISTIC[name](
        GAUSSIAN.denoiser(schedule), schedule, torch.ones(1, 3), uniform(schedule, 5), no_noise
    )
    assert len(list(states)) == 5


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_state_is_yielded_per_step(name):
    schedule = SCHEDULES["straight"]
    states = SAMPLERS[name](GAUSSIAN.denoiser(schedule), schedule, torch.ones(1, 3), uniform(schedule, 6), normal())
    assert len(list(states)) == (9 if name == "restart" else 6)


@pytest.mark.parametrize("name", sorted(SAMPLERS.keys() - {"restart"}))
def test_one_step_returns_the_estimate(schedule, name):
    """From any noise straight to clean there is nothing to do but to trust x_0; so also at every last step."""
    times, x = uniform(schedule, 1), normal()(torch.empty(2, 4, dtype=torch.float64))
    (x_0,) = SAMPLERS[name](GAUSSIAN.denoiser(schedule), schedule, x, times, normal())
    assert_close(x_0, GAUSSIAN.denoiser(schedule)(x, times[0]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", SAMPLERS)
def test_network_calls(name):
    """One a step, two for Heun and the single-step solver; a restart repeats its part of the grid."""
    calls, schedule = [], SCHEDULES["straight"]

    def denoise(x_t, t):
        calls.append(t)
        return GAUSSIAN.denoiser(schedule)(x_t, t)

    list(SAMPLERS[name](denoise, schedule, torch.ones(1, 3), uniform(schedule, 6), normal()))
    two_but_at_the_end = ("heun", "edm_stochastic")
    two_in_the_middle = ("dpmpp_2s", "dpmpp_sde")  # from pure noise and to clean, one
    expected = {"restart": 17} | dict.fromkeys(two_but_at_the_end, 11) | dict.fromkeys(two_in_the_middle, 10)
    expected = expected.get(name, 6)
    assert len(calls) == expected


def test_ddim_with_eta_one_is_ancestral(schedule):
    """Song et al. 2021, section 4.1, on the full grid and on a coarse one."""
    for times in (uniform(schedule, 50), uniform(schedule, 7)):
        x, denoise = normal()(torch.empty(2, 16)), GAUSSIAN.denoiser(schedule)
        one = list(ddim(denoise, schedule, x, times, normal(1), eta=1.0))
        other = list(ancestral(denoise, schedule, x, times, normal(1)))
        assert_close(one, other)


def test_ddim_is_euler_on_the_straight_path():
    """x + (s - t) u with the velocity u = (x - x_0) / t."""
    schedule, x = SCHEDULES["straight"], torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    denoise, times = GAUSSIAN.denoiser(schedule), uniform(SCHEDULES["straight"], 9)
    states = ddim(denoise, schedule, x, times, normal())
    for (t, s), state in zip(pairwise(times), states, strict=True):
        x = x + (s - t) * (x - denoise(x, t)) / t
        assert_close(state, x)


def test_unipc_of_first_order_predicts_as_ddim(schedule):
    x, times, denoise = torch.ones(1, 3), uniform(schedule, 3), GAUSSIAN.denoiser(schedule)
    first, *_ = unipc(denoise, schedule, x, times, normal(), order=1)
    assert_close(first, next(ddim(denoise, schedule, x, times, normal())))


def test_churn_of_zero_is_heun(schedule):
    x, times, denoise = torch.ones(1, 3), uniform(schedule, 5), GAUSSIAN.denoiser(schedule)
    churned = edm_stochastic(denoise, schedule, x, times, normal(), churn=0.0)
    assert_close(list(churned), list(heun(denoise, schedule, x, times, normal())))


def test_state_clamp_bounds_every_state():
    schedule, x = DIFFWAVE, 3 * normal()(torch.empty(2, 50))
    states = list(ancestral(GAUSSIAN.denoiser(schedule), schedule, x, uniform(schedule, 50), normal(1), clamp=1.0))
    assert max(state.abs().max() for state in states) == 1


def test_shallow_start_keeps_the_data(schedule):
    """Diffused to the middle and walked back from there, the data is what it was (DiffSinger)."""
    times = log_snr_uniform(schedule, 30, sigma_min=0.02, start=0.5)
    assert times[0] == 0.5
    x = begin(TWO_MODES, schedule, times, (20, 200))
    *_, x_0 = dpmpp_2m(TWO_MODES.denoiser(schedule), schedule, x, times, normal())
    assert cdf_error(x_0, TWO_MODES) < 0.045


def test_gradients_pass_through_a_walk():
    """A fine-tune at the very steps that will be run needs them."""
    schedule, x = SCHEDULES["straight"], torch.ones(1, 3, requires_grad=True)
    *_, x_0 = ddim(GAUSSIAN.denoiser(schedule), schedule, x, uniform(schedule, 4), normal())
    x_0.sum().backward()
    assert (x.grad > 0).all()


class Silent:
    """A schedule that forgets its noise half-way."""

    def alpha(self, t):
        return 1 - t / 2

    def sigma(self, t):
        return (t - 0.5).clamp(min=0)


BAD_CALLS = {
    "grid above one": (ddim, DIFFWAVE, [1.5, 0.0], {}, "fall strictly from at most 1"),
    "grid that ends in noise": (ddim, DIFFWAVE, [1.0, 0.5], {}, "to exactly 0"),
    "grid that rises": (ddim, DIFFWAVE, [0.5, 0.8, 0.0], {}, "fall strictly"),
    "grid with nan": (ddim, DIFFWAVE, [1.0, math.nan, 0.0], {}, "fall strictly"),
    "grid of one": (ddim, DIFFWAVE, [0.0], {}, "at least two times"),
    "grid below the first step": (ddim, DIFFWAVE, [1.0, 0.01, 0.0], {}, "first training step"),
    "schedule without noise": (ddim, Silent(), [1.0, 0.3, 0.0], {}, "Silent has sigma = 0"),
    "unknown variance": (ancestral, DIFFWAVE, [1.0, 0.0], {"variance": "tiny"}, "small.*large.*learned"),
    "unlearned variance": (ancestral, DIFFWAVE, [1.0, 0.0], {"variance": "learned"}, "bound Denoiser"),
    "unknown guess": (dpmpp_2m, DIFFWAVE, [1.0, 0.0], {"guess": "wild"}, "midpoint.*polynomial"),
    "order of zero": (unipc, DIFFWAVE, [1.0, 0.0], {"order": 0}, "order 1, 2 or 3"),
    "restart of nothing": (restart, DIFFWAVE, [1.0, 0.0], {"low": 0.1, "high": 0.2}, "widen the interval"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_call_is_refused_before_the_first_step(name):
    sampler, schedule, times, options, message = BAD_CALLS[name]
    # A run-time type checker refuses an unknown name before we can, with a TypeError.
    with pytest.raises((ConfigError, TypeError), match=message):
        sampler(GAUSSIAN.denoiser(schedule), schedule, torch.ones(1, 3), torch.tensor(times), normal(), **options)
