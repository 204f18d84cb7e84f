"""The noise temperature, for every sampler alike."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import StraightPath, log_snr_uniform, tempered
from audiodiff.errors import ConfigError
from tests.laws.exact import gaussian_denoiser, normal
from tests.laws.members import SAMPLERS

STRAIGHT = StraightPath()
TIMES = log_snr_uniform(STRAIGHT, 6, sigma_min=0.02)


def sampled(sampler, seed=1):
    """From pure noise, for data of which the exact denoiser is linear."""
    noise = normal(seed)
    x = noise(torch.empty(2, 300))
    *_, x_0 = sampler(gaussian_denoiser(STRAIGHT), STRAIGHT, x, TIMES, noise)
    return x_0


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_linear_denoiser_gives_as_much_as_there_is_noise(name):
    """Centred Gaussian data: whatever a sampler does then is linear in its noise, first state and draws together."""
    plain = sampled(SAMPLERS[name])
    assert plain.std() > 0.1
    assert_close(sampled(tempered(SAMPLERS[name], 0.5)), 0.5 * plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["ddim", "ancestral", "edm_stochastic"])
def test_without_noise_every_seed_gives_the_same(name):
    cold = tempered(SAMPLERS[name], 0)
    assert_close(sampled(cold, seed=1), sampled(cold, seed=2), rtol=0, atol=0)


def test_one_is_the_sampler_itself():
    sampler = SAMPLERS["ddim"]
    assert tempered(sampler, 1) is sampler
    assert tempered(sampler, 1.0) is sampler


def test_equal_temperatures_are_equal():
    """So that what was recorded of one is found again."""
    sampler = SAMPLERS["ancestral"]
    assert tempered(sampler, 0.5) == tempered(sampler, 0.5)
    assert hash(tempered(sampler, 0.5)) == hash(tempered(sampler, 0.5))
    assert tempered(sampler, 0.5) != tempered(sampler, 0.6)


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf"), True, "warm", None, [1.0]])
def test_what_is_no_temperature_is_one_sentence(wrong):
    with pytest.raises(ConfigError, match="expected a number from 0") as caught:
        tempered(SAMPLERS["ddim"], wrong)
    assert "\n" not in str(caught.value)
