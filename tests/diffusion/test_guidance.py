"""Guidance against data for which the guided answer is known."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import bounded, classifier, classifier_free, ddim, fit, heun, projection, uniform, within
from audiodiff.errors import ConfigError
from tests.laws.exact import Mixture, normal
from tests.laws.members import DETERMINISTIC, SCHEDULES

LEFT = Mixture(means=(-0.6,), stds=(0.2,), weights=(1.0,))
RIGHT = Mixture(means=(0.6,), stds=(0.2,), weights=(1.0,))
BOTH = Mixture(means=(-0.6, 0.6), stds=(0.2, 0.2), weights=(0.5, 0.5))


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request):
    return request.param


def examples():
    return 2 * normal()(torch.empty(3, 8, dtype=torch.float64)), torch.tensor(0.4, dtype=torch.float64)


def is_right(schedule):
    """ln p(right | x_t), summed over the independent samples of every item."""

    def log_probability(x_t, t):
        alpha, sigma = fit(schedule.alpha(t), x_t), fit(schedule.sigma(t), x_t)
        joint = RIGHT.log_density(x_t, alpha, sigma) + torch.tensor(0.5).log()
        return (joint - BOTH.log_density(x_t, alpha, sigma)).flatten(1).sum(dim=1)

    return log_probability


def test_exact_classifier_turns_all_data_into_its_class(schedule):
    """E[x_0 | x_t, right] = E[x_0 | x_t] + sigma²/alpha · gradient, by Bayes and Tweedie."""
    x_t, t = examples()
    guided = classifier(BOTH.denoiser(schedule), schedule, is_right(schedule))
    assert_close(guided(x_t, t), RIGHT.denoiser(schedule)(x_t, t), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["vp", "straight"])
def test_classifier_and_interval_take_one_time_per_item(name):
    """Each item is guided as it would be alone, the one in pure noise included."""
    schedule, (x_t, _) = SCHEDULES[name], examples()
    times = torch.tensor([0.2, 0.7, 1.0], dtype=torch.float64)
    plain = BOTH.denoiser(schedule)
    guided = classifier(plain, schedule, is_right(schedule))
    for denoise in (guided, within(guided, plain, low=0.3, high=0.8)):
        together = denoise(x_t, times)
        alone = [denoise(x[None], t) for x, t in zip(x_t, times, strict=True)]
        assert_close(together, torch.cat(alone))


def test_classifier_works_in_inference_mode():
    schedule, (x_t, t) = SCHEDULES["vp"], examples()
    guided = classifier(BOTH.denoiser(schedule), schedule, is_right(schedule))
    with torch.inference_mode():
        assert_close(guided(x_t + 0, t), guided(x_t, t))


def test_classifier_has_nothing_to_say_of_pure_noise():
    schedule, (x_t, _) = SCHEDULES["straight"], examples()
    t = torch.ones((), dtype=torch.float64)
    guided = classifier(BOTH.denoiser(schedule), schedule, is_right(schedule))
    assert_close(guided(x_t, t), BOTH.denoiser(schedule)(x_t, t))


@pytest.mark.parametrize(("scale", "same_as"), [(0.0, LEFT), (1.0, RIGHT)])
def test_classifier_free_ends(schedule, scale, same_as):
    x_t, t = examples()
    guided = classifier_free(RIGHT.denoiser(schedule), LEFT.denoiser(schedule), scale=scale)
    assert_close(guided(x_t, t), same_as.denoiser(schedule)(x_t, t))


def test_classifier_free_beyond_one_moves_the_mean(schedule):
    """For Gaussians of equal spread the guided data is the Gaussian whose mean lies as much further."""
    x_t, t = examples()
    guided = classifier_free(RIGHT.denoiser(schedule), LEFT.denoiser(schedule), scale=2.0)
    beyond = Mixture(means=(1.8,), stds=(0.2,), weights=(1.0,))
    assert_close(guided(x_t, t), beyond.denoiser(schedule)(x_t, t))


def test_classifier_free_is_the_same_in_eps(schedule):
    """uncond + g · (cond - uncond) may be formed of eps or of x_0."""
    x_t, t = examples()
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    right, left = RIGHT.denoiser(schedule)(x_t, t), LEFT.denoiser(schedule)(x_t, t)
    eps = [(x_t - alpha * x_0) / sigma for x_0 in (left, right)]
    guided = classifier_free(RIGHT.denoiser(schedule), LEFT.denoiser(schedule), scale=3.0)(x_t, t)
    assert_close((x_t - alpha * guided) / sigma, eps[0] + 3 * (eps[1] - eps[0]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_projection_holds_at_the_end(name):
    """Whatever the sampler, what comes out is consistent: here, has equal halves."""
    schedule = SCHEDULES["straight"]

    def project(x_0):
        half = (x_0[:, :4] + x_0[:, 4:]) / 2
        return torch.cat([half, half], dim=1)

    guided = projection(BOTH.denoiser(schedule), project)
    *_, x_0 = DETERMINISTIC[name](guided, schedule, examples()[0], uniform(schedule, 10), normal())
    assert_close(x_0[:, :4], x_0[:, 4:])
    assert x_0.abs().mean() > 0.3


def test_guidance_stays_in_its_interval():
    schedule, (x_t, _) = SCHEDULES["straight"], examples()
    left, right = LEFT.denoiser(schedule), RIGHT.denoiser(schedule)
    chosen = within(right, left, low=0.3, high=0.6)
    for t, expected in ((0.2, left), (0.3, right), (0.5, right), (0.6, right), (0.7, left)):
        t = torch.tensor(t, dtype=torch.float64)
        assert_close(chosen(x_t, t), expected(x_t, t))


def test_empty_interval_is_refused():
    with pytest.raises(ConfigError, match="low <= high"):
        within(LEFT.denoiser(SCHEDULES["vp"]), RIGHT.denoiser(SCHEDULES["vp"]), low=0.8, high=0.2)


def test_bounded_estimate_bounds_the_result():
    schedule = SCHEDULES["straight"]
    x = 5 * normal()(torch.empty(4, 100))
    *_, free = ddim(RIGHT.denoiser(schedule), schedule, x, uniform(schedule, 8), normal())
    *_, kept = heun(bounded(RIGHT.denoiser(schedule), limit=0.5), schedule, x, uniform(schedule, 8), normal())
    assert free.abs().max() > 0.5
    assert kept.abs().max().item() == pytest.approx(0.5)
