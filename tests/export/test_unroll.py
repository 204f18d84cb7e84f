"""Every sampler, written out as sums, is that sampler."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close

from audiodiff.bundle.format import Bundle
from audiodiff.diffusion import (
    SAMPLERS,
    Denoiser,
    EpsPrediction,
    LinearBetas,
    StraightPath,
    X0Prediction,
    ancestral,
    uniform,
)
from audiodiff.diffusion.predictions import LearnedVariance
from audiodiff.errors import ConfigError
from audiodiff.export.sampler import UnrolledSampler, real
from audiodiff.export.unroll import unroll
from audiodiff.mel import convention
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.networks.clip_embedding import ClipEmbedding
from audiodiff.noise import SampleNoise
from audiodiff.priors import Isotropic, MelEnergy

MEL = convention("hifigan_22k")
BETAS = LinearBetas(first=1e-4, last=0.05, n_steps=50)
PAIRS = {"eps": (BETAS, EpsPrediction()), "x0": (StraightPath(), X0Prediction())}
ALL = {**SAMPLERS, "clamped": partial(ancestral, clamp=0.3)}


def model_of(pair, prior):
    torch.manual_seed(0)
    schedule, prediction = pair
    network = DiffWave(n_mels=80, hop_length=256, channels=4, layers=3, dilation_cycle=3)
    torch.nn.init.normal_(network.output.weight)
    denoiser = Denoiser(network=network, schedule=schedule, prediction=prediction)
    return DiffusionModel(mel=MEL, denoiser=denoiser, prior=prior).eval()


@pytest.mark.parametrize("sampler", ALL)
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("n_steps", [1, 5])
def test_unrolled_is_walked(sampler, pair, n_steps):
    model = model_of(PAIRS[pair], MelEnergy(mel=MEL, lowest=0.1, highest=4.0))
    mel = torch.randn(2, 80, 3, generator=torch.Generator().manual_seed(1)) - 3
    times = uniform(PAIRS[pair][0], n_steps)
    expected = model.generate(mel, sampler=ALL[sampler], times=times, noise=SampleNoise([1, 2]))
    unrolled = UnrolledSampler(Bundle("x", model, ALL[sampler], partial(uniform, n_steps=n_steps)), ALL[sampler], times)
    draw = SampleNoise([1, 2])
    noise = torch.stack([draw(torch.empty(2, 768)) for _ in range(unrolled.n_draws)])
    with torch.no_grad():
        assert_close(unrolled(mel, noise), expected, rtol=1e-4, atol=1e-4)


def test_only_what_is_needed_is_asked_for():
    model = model_of(PAIRS["x0"], Isotropic())
    program, result = unroll(model.denoiser, SAMPLERS["ddim"], uniform(StraightPath(), 4))
    assert (program.n_calls, program.n_draws) == (4, 1)
    assert [type(value).__name__ for value in program.values] == ["NoiseDraw", "Call", "Call", "Call", "Call"]
    assert list(result.terms) == [4]  # the last estimate of x_0, alone


def test_a_learned_variance_is_refused():
    denoiser = model_of((BETAS, LearnedVariance(mean=EpsPrediction())), Isotropic()).denoiser
    with pytest.raises(ConfigError):
        unroll(denoiser, partial(ancestral, variance="learned"), uniform(BETAS, 2))


def test_samplers_that_do_more_than_sums_are_refused():
    def squaring(denoise, schedule, x, times, noise):
        yield x * x

    denoiser = model_of(PAIRS["x0"], Isotropic()).denoiser
    with pytest.raises(ConfigError, match="cannot be written down"):
        unroll(denoiser, squaring, uniform(StraightPath(), 2))


def test_networks_that_take_more_than_a_mel_are_refused():
    clip = ClipEmbedding(channels=512, n_speakers=2)
    network = DiffWave(n_mels=80, hop_length=256, channels=4, layers=3, dilation_cycle=3, clip=clip)
    with pytest.raises(ConfigError, match="only those that take a mel"):
        real(network)
