"""A mel sounds the same alone, in a batch, padded and in a list."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.cli.facts import facts_of
from audiodiff.demo.voices import shipped_vocoders
from audiodiff.errors import ConfigError, MelError, MelMismatchError
from audiodiff.priors import Isotropic
from audiodiff.streaming.synthesis import of_one_length
from tests.tiny_voices import HIFIGAN, VOICES, mel_of, vocoder_of

SAMPLERS = ["ddim", "ancestral", "dpmpp_2m", "dpmpp_2m_sde", "unipc", "heun"]


@pytest.fixture(scope="module", params=VOICES)
def vocoder(request):
    return VOICES[request.param]()


@pytest.mark.parametrize("sampler", SAMPLERS)
@settings(max_examples=2, deadline=None)
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


def test_mels_of_one_length_go_through_together_on_a_gpu(vocoder, monkeypatch):
    """On a processor that is taken for one: in batches of at most so many, each with its seed, in their order."""
    lengths, seeds, shares = [9, 7, 9, 9, 7, 9], list(range(20, 26)), []
    mels = [mel_of(length, seed) for seed, length in enumerate(lengths)]
    assert of_one_length(mels) == [[0], [1], [2], [3], [4], [5]]
    alone = vocoder(mels, seed=seeds, spec=HIFIGAN)
    monkeypatch.setattr("audiodiff.streaming.synthesis.BATCHED", {"cpu"})
    monkeypatch.setattr("audiodiff.streaming.synthesis.MELS_TOGETHER", 3)
    assert of_one_length(mels) == [[0, 2, 3], [1, 4], [5]]
    for one, wave in zip(vocoder(mels, seed=seeds, spec=HIFIGAN, progress=shares.append), alone, strict=True):
        assert_close(one, wave, rtol=0, atol=1e-5)
    assert shares == sorted(shares)
    assert shares[-1] == 1


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
    exact = vocoder(mel, spec=HIFIGAN, n_steps=1)
    rough = vocoder.bfloat16()(mel, spec=HIFIGAN, n_steps=1)
    assert_close(vocoder.float()(mel, spec=HIFIGAN, n_steps=1), exact, rtol=0, atol=0)
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() > 0
    assert rough.isfinite().all()


def test_receptive_field_is_the_networks(vocoder):
    assert vocoder.receptive_field == vocoder.model.receptive_field == 2 * vocoder.model.denoiser.network.radius + 1


@pytest.mark.parametrize("name", shipped_vocoders())
def test_receptive_field_is_the_same_wherever_it_is_said(name):
    said = facts_of(name)["receptive field"]
    assert said.startswith(f"{Vocoder.from_pretrained(name).receptive_field} samples (")


def test_a_network_that_does_not_say_how_far_it_sees_is_refused():
    with pytest.raises(ConfigError, match="Identity does not say how far it sees"):
        _ = vocoder_of(torch.nn.Identity(), Isotropic()).receptive_field
