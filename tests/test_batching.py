"""A mel sounds the same alone, in a batch, padded and in a list."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.audio import convention
from audiodiff.bundle import Bundle
from audiodiff.diffusion import Denoiser, StraightPath, X0Prediction, ddim, uniform
from audiodiff.errors import ConfigError, MelError, MelMismatchError
from audiodiff.model import DiffusionModel
from audiodiff.networks import DiffWave, MagnitudeNetwork, SpectralDiffWave
from audiodiff.priors import Isotropic, MelInversion

HIFIGAN = convention("hifigan_22k")
SAMPLERS = ["ddim", "ancestral", "dpmpp_2m", "dpmpp_2m_sde", "unipc", "heun"]


def diffwave() -> DiffusionModel:
    network = DiffWave(n_mels=80, hop_length=256, channels=4, layers=4, dilation_cycle=3)
    torch.nn.init.normal_(network.output.weight, std=0.1)
    denoiser = Denoiser(network=network, schedule=StraightPath(), prediction=X0Prediction())
    return DiffusionModel(mel=HIFIGAN, denoiser=denoiser, prior=Isotropic())


def spectral() -> DiffusionModel:
    magnitudes = MagnitudeNetwork(mel=HIFIGAN, channels=8, layers=3, dilation_cycle=2)
    network = SpectralDiffWave(mel=HIFIGAN, channels=8, layers=2, dilation_cycle=2, step_channels=8)
    for stack in (magnitudes.stack, network.stack):
        torch.nn.init.normal_(stack.output.weight, std=0.05)
    denoiser = Denoiser(network=network, schedule=StraightPath(), prediction=X0Prediction())
    return DiffusionModel(mel=HIFIGAN, denoiser=denoiser, prior=MelInversion(mel=HIFIGAN, magnitudes=magnitudes))


def vocoder_of(model: DiffusionModel) -> Vocoder:
    return Vocoder(Bundle("tiny", model.eval(), ddim, lambda schedule: uniform(schedule, 3)))


@pytest.fixture(scope="module", params=[diffwave, spectral], ids=["diffwave", "spectral"])
def vocoder(request):
    torch.manual_seed(0)
    return vocoder_of(request.param())


def mel_of(frames: int, seed: int = 0) -> torch.Tensor:
    """Noise with bursts of speech's loudness and silences between."""
    generator = torch.Generator().manual_seed(seed)
    loudness = torch.randn(frames, generator=generator).cumsum(0).sin() * 3
    return (torch.randn(80, frames, generator=generator) + loudness - 5).clamp(-11.5, 1)


@pytest.mark.parametrize("sampler", SAMPLERS)
@settings(max_examples=4, deadline=None)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=3))
def test_alone_is_batched_is_padded_is_listed(vocoder, sampler, lengths):
    mels = [mel_of(length, seed) for seed, length in enumerate(lengths)]
    seeds = list(range(10, 10 + len(mels)))
    known = {"spec": HIFIGAN, "sampler": sampler}
    alone = [vocoder(mel, seed=seed, **known) for mel, seed in zip(mels, seeds, strict=True)]
    longest = max(lengths) + 3
    batch = torch.stack([torch.nn.functional.pad(mel, (0, longest - mel.shape[1]), value=3.0) for mel in mels])
    padded = vocoder(batch, lengths, seed=seeds, **known)
    assert padded.shape == (len(mels), 256 * longest)
    for item, length, wave in zip(padded, lengths, alone, strict=True):
        assert_close(item[: 256 * length], wave, rtol=0, atol=1e-5)
        assert (item[256 * length :] == 0).all()
    for one, wave in zip(vocoder(mels, seed=seeds, **known), alone, strict=True):
        assert_close(one, wave, rtol=0, atol=1e-5)
    same = vocoder(mels[0].expand(2, -1, -1), seed=[10, 99], **known)
    assert_close(same[0], alone[0], rtol=0, atol=1e-5)


def test_no_mels_are_no_waveforms(vocoder):
    assert vocoder([]) == []


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda v: v(mel_of(9).expand(2, -1, -1), [9, 10], spec=HIFIGAN), ConfigError, r"lengths \[10\]"),
        (lambda v: v(mel_of(9).expand(2, -1, -1), [0, 9], spec=HIFIGAN), ConfigError, r"lengths \[0\]"),
        (lambda v: v(mel_of(9).expand(2, -1, -1), [9], spec=HIFIGAN), ConfigError, "1 lengths"),
        (lambda v: v(mel_of(9), [9], spec=HIFIGAN), ConfigError, "batch"),
        (lambda v: v([mel_of(9)], [9]), ConfigError, "list"),
        (lambda v: v([mel_of(9), mel_of(0)], spec=HIFIGAN), MelError, "empty"),
        (lambda v: v([mel_of(9), mel_of(9).T], spec=HIFIGAN), MelMismatchError, "transposed"),
        (lambda v: v([mel_of(9)], seed=[1, 2], spec=HIFIGAN), ConfigError, "seeds"),
    ],
)
def test_what_does_not_fit_is_refused(vocoder, call, error, words):
    with pytest.raises(error, match=words):
        call(vocoder)


def test_half_precision_is_close_and_float_comes_back(vocoder):
    mel = mel_of(30)
    exact = vocoder(mel, spec=HIFIGAN, steps=1)
    rough = vocoder.bfloat16()(mel, spec=HIFIGAN, steps=1)
    assert_close(vocoder.float()(mel, spec=HIFIGAN, steps=1), exact, rtol=0, atol=0)
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() > 0
    assert rough.isfinite().all()


def test_receptive_field_is_the_networks(vocoder):
    reach = vocoder.model.denoiser.network.reach
    assert vocoder.receptive_field == 256 * (2 * reach + 1)


def test_a_network_that_does_not_say_how_far_it_sees_is_refused(vocoder):
    blind = DiffusionModel(
        mel=HIFIGAN,
        denoiser=Denoiser(network=torch.nn.Identity(), schedule=StraightPath(), prediction=X0Prediction()),
        prior=Isotropic(),
    )
    with pytest.raises(ConfigError, match="Identity does not say how far it sees"):
        _ = vocoder_of(blind).receptive_field
