"""How t is drawn, and what an error at t counts."""

import math

import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import (
    DiscreteBetas,
    EDMPrediction,
    EpsPrediction,
    ImportanceTimes,
    ScorePrediction,
    VPrediction,
    X0Prediction,
    bound_weight,
    edm_weight,
    l1,
    l2,
    log_normal_times,
    log_snr,
    logit_normal_times,
    min_snr_weight,
    noise_weight,
    p2_weight,
    simple_weight,
    stratified_times,
    uniform_times,
)
from audiodiff.errors import ConfigError
from tests.laws.members import PREDICTIONS, SCHEDULES

DRAWS = {
    "uniform": uniform_times,
    "stratified": stratified_times,
    "log_normal": log_normal_times,
    "logit_normal": logit_normal_times,
    "importance": ImportanceTimes(n_bins=10),
}
TIMES = torch.tensor([0.02, 0.3, 0.6, 0.95], dtype=torch.float64)


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request):
    return request.param


@pytest.mark.parametrize("name", DRAWS)
def test_times_lie_in_the_schedule(schedule, name):
    t = DRAWS[name](schedule, 2000, torch.Generator().manual_seed(0))
    assert t.shape == (2000,)
    assert t.dtype == torch.float64
    assert (t > 0).all()
    assert (t <= 1).all()
    if isinstance(schedule, DiscreteBetas):
        assert_close(t * schedule.n_steps, (t * schedule.n_steps).round())
    else:
        assert len(t.unique()) > 1900


@pytest.mark.parametrize("name", DRAWS)
def test_same_seed_same_times(name):
    one, other = (DRAWS[name](SCHEDULES["vp"], 5, torch.Generator().manual_seed(7)) for _ in range(2))
    assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["uniform", "stratified", "importance"])
def test_every_training_step_is_drawn_alike(name):
    t = DRAWS[name](SCHEDULES["diffwave_50"], 100_000, torch.Generator().manual_seed(0))
    counts = torch.bincount((t * 50).round().long() - 1, minlength=50)
    assert_close(counts.double(), torch.full((50,), 2000.0, dtype=torch.float64), rtol=0.1, atol=0)


def test_stratified_times_are_one_per_stratum():
    t = stratified_times(SCHEDULES["vp"], 64, torch.Generator().manual_seed(0))
    assert (t * 64).ceil().unique().numel() == 64


def test_log_normal_times_have_their_noise():
    t = log_normal_times(SCHEDULES["edm"], 50_000, torch.Generator().manual_seed(0), mean=-1.2, std=0.8)
    level = -log_snr(SCHEDULES["edm"], t) / 2
    assert level.mean().item() == pytest.approx(-1.2, abs=0.02)
    assert level.std().item() == pytest.approx(0.8, abs=0.02)


def test_logit_normal_times_have_their_logit():
    t = logit_normal_times(SCHEDULES["straight"], 50_000, torch.Generator().manual_seed(0), mean=0.5, std=1.3)
    assert t.logit().mean().item() == pytest.approx(0.5, abs=0.03)
    assert t.logit().std().item() == pytest.approx(1.3, abs=0.03)


def importance_with_history():
    times = ImportanceTimes(n_bins=4, history=3)
    t = torch.tensor([0.1, 0.3, 0.6, 0.9], dtype=torch.float64)
    for _ in range(3):
        times.record(t, torch.tensor([1.0, 2.0, 3.0, 4.0]))
    return times, t


def test_importance_follows_the_losses():
    times, t = importance_with_history()
    assert_close(times.probabilities(), torch.tensor([0.1, 0.2, 0.3, 0.4]).double(), rtol=0.01, atol=0)
    drawn = times(SCHEDULES["vp"], 100_000, torch.Generator().manual_seed(0))
    assert (drawn > 0.75).double().mean().item() == pytest.approx(0.4, abs=0.01)
    assert_close(times.correction(t) * times.probabilities(), torch.full((4,), 0.25).double())


def test_importance_is_uniform_until_it_has_seen_enough():
    times = ImportanceTimes(n_bins=4, history=3)
    times.record(torch.tensor([0.1, 0.1, 0.1, 0.1]), torch.tensor([9.0, 9.0, 9.0, 9.0]))
    assert_close(times.probabilities(), torch.full((4,), 0.25).double())


def test_importance_forgets_the_oldest_loss():
    times, t = importance_with_history()
    for _ in range(3):
        times.record(t, torch.ones(4))
    assert_close(times.probabilities(), torch.full((4,), 0.25).double())


def test_importance_keeps_the_mean_unbiased():
    times, _ = importance_with_history()
    t = times(SCHEDULES["vp"], 200_000, torch.Generator().manual_seed(0))
    assert (times.correction(t) * t.square()).mean().item() == pytest.approx(1 / 3, abs=0.005)


def test_importance_survives_a_restart():
    times, _ = importance_with_history()
    resumed = ImportanceTimes(n_bins=4, history=3)
    resumed.load_state_dict(times.state_dict())
    one, other = (s(SCHEDULES["vp"], 9, torch.Generator().manual_seed(1)) for s in (times, resumed))
    assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS)
def test_noise_weight_makes_every_error_one_of_eps(schedule, prediction):
    """An error of x_0 is alpha / sigma of it in eps; for a score the weight is lambda = sigma² (Song et al. 2021)."""
    alpha, sigma = schedule.alpha(TIMES), schedule.sigma(TIMES)
    in_eps = prediction.c_out(alpha, sigma) * alpha / sigma
    assert_close(noise_weight(schedule, prediction, TIMES), in_eps**2)
    if isinstance(prediction, ScorePrediction):
        assert_close(noise_weight(schedule, prediction, TIMES), sigma**2)


@pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS)
@pytest.mark.parametrize("weight", [min_snr_weight, p2_weight], ids=["min_snr", "p2"])
def test_weight_is_one_of_x0_seen_through_the_prediction(schedule, weight, prediction):
    """An error of the output counts as much as the error of x_0 that it makes."""
    on_x0 = weight(schedule, X0Prediction(), TIMES)
    c_out = prediction.c_out(schedule.alpha(TIMES), schedule.sigma(TIMES))
    assert_close(weight(schedule, prediction, TIMES), on_x0 * c_out**2)


def test_weights_are_the_papers(schedule):
    snr = log_snr(schedule, TIMES).exp()
    assert_close(simple_weight(schedule, EpsPrediction(), TIMES), torch.ones_like(TIMES))
    assert_close(min_snr_weight(schedule, EpsPrediction(), TIMES), snr.clamp(max=5) / snr)
    assert_close(p2_weight(schedule, EpsPrediction(), TIMES, k=2.0, gamma=0.5), 1 / (2 + snr) ** 0.5)
    edm = edm_weight(schedule, EDMPrediction(sigma_data=0.3), TIMES, sigma_data=0.3)
    assert_close(edm, torch.ones_like(TIMES))


@pytest.mark.parametrize("name", ["vp", "cosine", "diffwave_50"])
def test_min_snr_of_v_on_a_vp_schedule(name):
    """min(SNR, gamma) / (SNR + 1) (Hang et al. 2023)."""
    snr = log_snr(SCHEDULES[name], TIMES).exp()
    weight = min_snr_weight(SCHEDULES[name], VPrediction(), TIMES)
    assert_close(weight, snr.clamp(max=5) / (snr + 1))


def test_bound_weight_needs_a_step_of_the_bound():
    with pytest.raises(ConfigError, match="not one of the steps k / 10"):
        bound_weight(SCHEDULES["vp"], EpsPrediction(), torch.tensor([0.05, 0.1]), n_steps=10)


def test_distances():
    output, target = torch.tensor([[1.0, 3.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    assert l1(output, target).tolist() == [2.0, 0.5]
    assert l2(output, target).tolist() == [5.0, 0.5]


@pytest.mark.parametrize("bad", [-1, 0])
def test_no_times_are_refused(bad):
    with pytest.raises(ConfigError, match="at least one"):
        uniform_times(SCHEDULES["vp"], bad)
    assert math.isfinite(uniform_times(SCHEDULES["vp"], 1).item())
