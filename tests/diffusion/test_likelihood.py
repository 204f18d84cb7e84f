"""Code lengths against the closed forms of Gaussian data."""

import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import (
    VP,
    Denoiser,
    EpsPrediction,
    LearnedVariance,
    Transition,
    bound_weight,
    diffuse,
    flow_bits,
    hybrid,
    log_snr_uniform,
    uniform,
    variational_bound,
)
from audiodiff.diffusion.likelihood import SIXTEEN_BIT, bound_term, gaussian_code_length, gaussian_kl
from tests.laws.exact import GAUSSIAN, TWO_MODES, normal
from tests.laws.members import PREDICTIONS, SCHEDULES

ENTROPY = math.log2(0.5 * math.sqrt(2 * math.pi * math.e)) + 15
"""Bits per sample of GAUSSIAN (standard deviation 0.5) in 16 bits."""


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request):
    return request.param


def gaussian_data(items=8, samples=500):
    return GAUSSIAN.draw((items, samples), torch.Generator().manual_seed(3))


def exact_bits(x_0):
    nats = -GAUSSIAN.log_density(x_0, torch.tensor(1.0), torch.tensor(0.0)).mean(dim=1) - math.log(SIXTEEN_BIT)
    return nats / math.log(2)


def bound_gap(schedule, x_0, n_steps):
    """How far the bound of an exact denoiser lies above the true code length, in bits per sample."""
    times = log_snr_uniform(schedule, n_steps, sigma_min=0.02)
    spread = torch.hypot(0.5 * schedule.alpha(times[0]), schedule.sigma(times[0])).item()
    bound = variational_bound(GAUSSIAN.denoiser(schedule), schedule, x_0, times, normal(), prior_std=spread)
    return (bound.total - exact_bits(x_0)).mean().item()


def test_bound_closes_as_the_steps_become_many(schedule):
    """The gap falls as 1 / n_steps (Kingma et al. 2021), so its limit is known from two bounds."""
    x_0 = gaussian_data(20, 500)
    coarse, fine = bound_gap(schedule, x_0, 50), bound_gap(schedule, x_0, 100)
    assert coarse > fine > 0
    assert 2 * fine - coarse == pytest.approx(0, abs=0.05)


def test_bound_is_near_the_entropy():
    schedule, x_0 = VP(), gaussian_data(20, 1000)
    times = log_snr_uniform(schedule, 1000, sigma_min=0.02)
    bound = variational_bound(GAUSSIAN.denoiser(schedule), schedule, x_0, times, normal())
    assert bound.total.mean().item() == pytest.approx(ENTROPY, abs=0.05)


def test_bound_has_its_three_parts():
    schedule, x_0 = SCHEDULES["diffwave_50"], gaussian_data(3, 20)
    bound = variational_bound(GAUSSIAN.denoiser(schedule), schedule, x_0, uniform(schedule, 50), normal())
    assert (bound.prior.shape, bound.steps.shape, bound.decoder.shape) == ((3,), (49, 3), (3,))
    assert (bound.steps >= 0).all()
    alpha, sigma = schedule.alpha(torch.tensor(1.0)).item(), schedule.sigma(torch.tensor(1.0)).item()
    by_hand = (alpha**2 * x_0**2 + sigma**2 - 1 - 2 * math.log(sigma)).mean(dim=1) / 2 / math.log(2)
    assert_close(bound.prior, by_hand)


def test_divergence_of_gaussians_is_an_integral():
    p = torch.distributions.Normal(torch.tensor(0.3), torch.tensor(0.7))
    q = torch.distributions.Normal(torch.tensor(-0.1), torch.tensor(1.1))
    ours = gaussian_kl(p.mean, p.variance, q.mean, q.variance)
    assert_close(ours, torch.distributions.kl_divergence(p, q))
    assert_close(gaussian_code_length(torch.tensor(0.9), p.mean, p.variance), -p.log_prob(torch.tensor(0.9)))


@pytest.mark.parametrize("name", ["vp", "sub_vp", "ve", "edm", "straight", "cosine"])
def test_flow_likelihood_is_the_closed_form(name):
    """The trapezoid walk along the exact flow of Gaussian data returns its density, item by item."""
    schedule, x_0 = SCHEDULES[name], gaussian_data(4, 50)
    denoise = GAUSSIAN.denoiser(schedule)
    times = log_snr_uniform(schedule, 200, sigma_min=0.005)
    end = torch.ones((), dtype=torch.float64)
    spread = torch.hypot(0.5 * schedule.alpha(end), schedule.sigma(end)).item()
    bits = flow_bits(denoise, schedule, x_0, times, normal(), prior_std=spread)
    # The flow ends in N(0.3 alpha, spread²), so a schedule that keeps signal is told a prior slightly off.
    assert_close(bits, exact_bits(x_0), rtol=0, atol=0.02)


@pytest.mark.parametrize("name", ["vp", "sub_vp", "ve", "edm", "straight", "cosine"])
def test_default_grid_of_the_flow_likelihood_suits_every_schedule(name):
    schedule, x_0 = SCHEDULES[name], gaussian_data(4, 50)
    end = torch.ones((), dtype=torch.float64)
    spread = torch.hypot(0.5 * schedule.alpha(end), schedule.sigma(end)).item()
    bits = flow_bits(GAUSSIAN.denoiser(schedule), schedule, x_0, None, normal(), prior_std=spread)
    assert_close(bits, exact_bits(x_0), rtol=0, atol=0.02)


def test_flow_likelihood_of_two_modes():
    schedule = SCHEDULES["straight"]
    x_0 = TWO_MODES.draw((4, 50), torch.Generator().manual_seed(3))
    times = log_snr_uniform(schedule, 300, sigma_min=0.002)
    bits = flow_bits(TWO_MODES.denoiser(schedule), schedule, x_0, times, normal(), bin_width=1.0)
    density = TWO_MODES.log_density(x_0, torch.tensor(1.0), torch.tensor(0.0)).mean(dim=1)
    assert_close(bits, -density / math.log(2), rtol=0, atol=0.02)


@pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS)
def test_bound_weight_makes_the_loss_the_bound(prediction):
    """Term by term: L_{t-1} of a wrong denoiser is its weighted squared error, up to what no network changes."""
    schedule, x_0 = SCHEDULES["diffwave_50"], gaussian_data(2, 30)
    eps = normal()(x_0)
    for k in (1, 2, 30, 50):
        t, s = torch.tensor([k / 50, (k - 1) / 50], dtype=torch.float64)
        x_t, step = diffuse(x_0, eps, t, schedule), Transition.between(schedule, s, t)
        target = prediction.target(x_0, eps, t, schedule)
        wrong = target + 0.1 * normal(1)(x_0)
        estimate = prediction.x0(wrong, x_t, t, schedule)
        mean, variance = step.posterior_mean(x_t, estimate), step.decoder_variance
        term = bound_term(x_0, x_t, mean, variance, step) * math.log(2)
        weight = bound_weight(schedule, prediction, t, n_steps=50) / 50
        constant = 0 if k > 1 else math.log(2 * math.pi * variance.item()) / 2 - math.log(SIXTEEN_BIT)
        assert_close(weight * (wrong - target).square().mean(dim=1) + constant, term, rtol=1e-6, atol=1e-9)


class TwoHeads(nn.Module):
    """eps of Gaussian data, exactly, and a constant v."""

    def __init__(self, schedule, share):
        super().__init__()
        self.schedule, self.share = schedule, nn.Parameter(torch.tensor(share, dtype=torch.float64))

    def forward(self, x_t, t, cond):
        alpha, sigma = self.schedule.alpha(t.double())[:, None], self.schedule.sigma(t.double())[:, None]
        eps = (x_t - alpha * GAUSSIAN.denoiser(self.schedule)(x_t, t.double())) / sigma
        return torch.stack([eps, self.share.expand_as(eps)], dim=1)


def learned(schedule, share):
    prediction = LearnedVariance(mean=EpsPrediction())
    return Denoiser(network=TwoHeads(schedule, share), schedule=schedule, prediction=prediction)


@pytest.mark.parametrize(("share", "variance"), [(0.0, "small"), (1.0, "large")])
def test_learned_variance_at_its_ends_is_the_fixed_one(share, variance):
    schedule, x_0 = SCHEDULES["diffwave_50"], gaussian_data(2, 40)
    denoise, times = learned(schedule, share).bind(Conditioning()), uniform(schedule, 50)
    with torch.no_grad():
        one = variational_bound(denoise, schedule, x_0, times, normal(), variance="learned")
        other = variational_bound(GAUSSIAN.denoiser(schedule), schedule, x_0, times, normal(), variance=variance)
    assert_close(one.total, other.total, rtol=1e-4, atol=1e-4)


def hybrid_example():
    schedule, x_0 = SCHEDULES["diffwave_50"], gaussian_data(50, 40)
    t = torch.arange(1, 51, dtype=torch.float64) / 50
    return schedule, x_0, normal()(x_0), t


def test_hybrid_loss_leaves_the_mean_to_the_simple_one():
    """Nichol & Dhariwal 2021, section 3.1: the bound's gradient stops before the mean."""
    schedule, x_0, eps, t = hybrid_example()
    output = normal(1)(torch.empty(50, 2, 40, dtype=torch.float64)).requires_grad_()
    prediction = LearnedVariance(mean=EpsPrediction())
    hybrid(output, x_0, eps, t, prediction=prediction, schedule=schedule).sum().backward()
    assert_close(output.grad[:, 0], 2 * (output[:, 0].detach() - eps) / 40)
    # In the last step, to clean, both ends are one variance, so there is nothing to learn.
    assert (output.grad[1:, 1] != 0).all()
    assert_close(output.grad[0, 1], torch.zeros(40, dtype=torch.float64))


def test_hybrid_loss_finds_the_best_variance():
    schedule, x_0, eps, t = hybrid_example()
    denoiser = learned(schedule, 0.0)
    x_t, share = diffuse(x_0, eps, t, schedule), denoiser.network.share

    def loss():
        output = denoiser.output(x_t, t, Conditioning())
        return hybrid(output, x_0, eps, t, prediction=denoiser.prediction, schedule=schedule).mean()

    optimizer = torch.optim.Adam([share], lr=0.05)
    for _ in range(80):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    reached = loss().item()
    with torch.no_grad():
        scan = [loss().item() for value in torch.linspace(-0.5, 1.5, 21).tolist() if share.fill_(value) is share]
    assert reached <= min(scan) * (1 + 1e-6)
