"""What every prediction must do, with every schedule."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import (
    VP,
    Denoiser,
    EDMPrediction,
    EpsPrediction,
    LearnedVariance,
    Transition,
    VPrediction,
    diffuse,
    log_snr,
)
from audiodiff.errors import ConfigError
from tests.laws.exact import GAUSSIAN, normal
from tests.laws.members import DETERMINISTIC, PREDICTIONS, SCHEDULES, STOCHASTIC, uniform

NEEDS_SIGNAL = {"eps", "score", "edm"}


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request):
    return request.param


@pytest.fixture(params=PREDICTIONS)
def prediction(request):
    return PREDICTIONS[request.param]


def example(dtype=torch.float64, t=(0.02, 0.3, 0.6, 0.95)):
    draw = normal()
    t = torch.tensor(t, dtype=dtype)
    like = torch.empty(len(t), 9, dtype=dtype)
    return draw(like), draw(like), t


def test_target_turns_back_into_x0(schedule, prediction):
    x_0, eps, t = example()
    x_t, target = diffuse(x_0, eps, t, schedule), prediction.target(x_0, eps, t, schedule)
    assert_close(prediction.x0(target, x_t, t, schedule), x_0, rtol=1e-7, atol=1e-7)


def test_target_turns_back_into_eps(schedule, prediction):
    """x_t and x_0 together give eps, so a prediction holds both."""
    x_0, eps, t = example()
    x_t, target = diffuse(x_0, eps, t, schedule), prediction.target(x_0, eps, t, schedule)
    alpha, sigma = schedule.alpha(t)[:, None], schedule.sigma(t)[:, None]
    again = (x_t - alpha * prediction.x0(target, x_t, t, schedule)) / sigma
    assert_close(again, eps, rtol=1e-6, atol=1e-6)


def test_c_out_is_the_slope_of_x0(schedule, prediction):
    x_0, output, t = example()
    change = prediction.x0(output + 1, x_0, t, schedule) - prediction.x0(output, x_0, t, schedule)
    slope = prediction.c_out(schedule.alpha(t), schedule.sigma(t))
    assert_close(change, slope[:, None].expand_as(change), rtol=1e-6, atol=1e-6)


def test_one_time_for_all_equals_a_batch_of_it(schedule, prediction):
    x_0, eps, _ = example(torch.float32)
    one, batch = torch.tensor(0.4), torch.full((len(x_0),), 0.4)
    for method in (prediction.x0, prediction.target):
        assert_close(method(x_0, eps, one, schedule), method(x_0, eps, batch, schedule))
    assert_close(prediction.scale_input(x_0, one, schedule), prediction.scale_input(x_0, batch, schedule))


@pytest.mark.parametrize("name", sorted(PREDICTIONS.keys() - NEEDS_SIGNAL))
@pytest.mark.parametrize("ends_in_noise", ["straight", "diffwave_50_zero_snr"])
def test_pure_noise_is_no_obstacle(ends_in_noise, name):
    schedule, prediction = SCHEDULES[ends_in_noise], PREDICTIONS[name]
    x_0, eps, t = example(t=(1.0, 1.0))
    assert schedule.alpha(t).eq(0).all()
    assert_close(prediction.x0(prediction.target(x_0, eps, t, schedule), eps, t, schedule), x_0)


@pytest.mark.parametrize("name", sorted(NEEDS_SIGNAL))
def test_pair_that_fails_in_pure_noise_is_refused(name):
    with pytest.raises(ConfigError, match="does not work at t = 1, where StraightPath has alpha = 0"):
        Denoiser(network=nn.Identity(), schedule=SCHEDULES["straight"], prediction=PREDICTIONS[name])


def test_edm_gives_the_network_unit_variance(schedule):
    x_0, eps, t = example()
    d = 0.5
    prediction = EDMPrediction(sigma_data=d)
    x_0, eps = torch.randn(2, 4, 100_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    inputs = prediction.scale_input(diffuse(d * x_0, eps, t, schedule), t, schedule)
    targets = prediction.target(d * x_0, eps, t, schedule)
    for values in (inputs, targets):
        assert_close(values.std(dim=1), torch.ones(4, dtype=torch.float64), rtol=0.01, atol=0)


def test_edm_with_unit_data_on_a_vp_schedule_is_minus_v():
    x_0, eps, t = example()
    edm = EDMPrediction(sigma_data=1.0).target(x_0, eps, t, VP())
    assert_close(edm, -VPrediction().target(x_0, eps, t, VP()))


def test_edm_label_is_the_papers():
    _, _, t = example()
    sigma = SCHEDULES["edm"].sigma(t)
    assert_close(EDMPrediction(sigma_data=0.5).noise_label(t, SCHEDULES["edm"]), sigma.log() / 4)
    assert_close(-log_snr(SCHEDULES["edm"], t) / 2, sigma.log())


class Exact(nn.Module):
    """The network that gives the exact denoiser of Gaussian data, whatever it is asked to predict."""

    def __init__(self, schedule, prediction):
        super().__init__()
        self.schedule, self.prediction = schedule, prediction
        self.t = None

    def forward(self, scaled, label, cond):
        t, schedule = self.t, self.schedule
        x_t = scaled / self.prediction.scale_input(torch.ones_like(scaled), t, schedule)
        x_0 = GAUSSIAN.denoiser(schedule)(x_t, t)
        eps = (x_t - schedule.alpha(t) * x_0) / schedule.sigma(t)
        return self.prediction.target(x_0, eps, t, schedule)


class TimedDenoiser(Denoiser):
    """Tells the exact network the time itself, which a label may hide."""

    def call_network(self, network, x_t, t):
        self.network.t = t
        return super().call_network(network, x_t, t)


@pytest.mark.parametrize("sampler", [*DETERMINISTIC.values(), *STOCHASTIC.values()], ids=[*DETERMINISTIC, *STOCHASTIC])
def test_every_combination_walks_the_same_way(schedule, sampler):
    """The sampler sees x_0 alone: what the network predicts may not change where it goes."""
    times = uniform(schedule, 4)
    start = schedule.sigma(times[0]) * normal()(torch.empty(2, 6, dtype=torch.float64))
    expected = list(sampler(GAUSSIAN.denoiser(schedule), schedule, start, times, normal(1)))
    for prediction in PREDICTIONS.values():
        try:
            denoiser = TimedDenoiser(network=Exact(schedule, prediction), schedule=schedule, prediction=prediction)
        except ConfigError:
            assert schedule.alpha(times[0]) < 1e-6
            continue
        states = sampler(denoiser.bind(Conditioning()), schedule, start, times, normal(1))
        assert_close(list(states), expected, rtol=1e-6, atol=1e-6)


def test_learned_variance_lies_between_its_bounds():
    schedule = SCHEDULES["diffwave_50"]
    step = Transition.between(schedule, torch.tensor([0.2, 0.0]), torch.tensor([0.3, 0.02]))
    share = torch.tensor([0.0, 1.0, 0.5]).expand(2, 3)
    small, large, middle = LearnedVariance.variance(share, step).double().unbind(1)
    assert_close(small, step.decoder_variance, rtol=1e-5, atol=0)
    assert_close(large, step.variance, rtol=1e-5, atol=0)
    assert_close(middle, (small * large).sqrt(), rtol=1e-5, atol=0)


def test_learned_variance_leaves_the_mean_alone():
    x_0, eps, t = example()
    schedule, learned = SCHEDULES["ddpm"], LearnedVariance(mean=EpsPrediction())
    output = torch.stack([eps, torch.full_like(eps, 0.3)], dim=1)
    x_t = diffuse(x_0, eps, t, schedule)
    assert_close(learned.x0(output, x_t, t, schedule), x_0, rtol=1e-7, atol=1e-7)
    assert_close(learned.share(output), torch.full_like(eps, 0.3))
