"""Options that are misspelt or unknown are refused, wherever a vocoder takes options."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.errors import BundleError, ConfigError, MelMismatchError
from audiodiff.integrations import MatchaVocoder, SpeechbrainVocoder, SpeechT5Vocoder, Tacotron2Vocoder
from tests.integrations.voices import voice_for
from tests.tiny_voices import HIFIGAN, mel_of, whitened

MEL = mel_of(6)


@pytest.fixture(scope="module")
def vocoder():
    return whitened()


async def walked(stream):
    return [wave async for wave in stream]


async def pieces():
    yield MEL


CALLS = {
    "call": lambda vocoder, **options: vocoder(MEL, spec=HIFIGAN, **options),
    "decode": lambda vocoder, **options: vocoder.decode(MEL, spec=HIFIGAN, **options),
    "list": lambda vocoder, **options: vocoder([MEL], spec=HIFIGAN, **options),
    "each_step": lambda vocoder, **options: list(vocoder.each_step(MEL, spec=HIFIGAN, **options)),
    "stream": lambda vocoder, **options: vocoder.stream(spec=HIFIGAN, **options),
    "astream": lambda vocoder, **options: asyncio.run(walked(vocoder.astream(pieces(), spec=HIFIGAN, **options))),
    "latency": lambda vocoder, **options: vocoder.latency(**options),
    "pitch": lambda vocoder, **options: vocoder.pitch(MEL, **options),
    "matcha": lambda _, **options: MatchaVocoder(voice_for(HIFIGAN), HIFIGAN, **options),
    "speechbrain": lambda _, **options: SpeechbrainVocoder(voice_for(HIFIGAN), HIFIGAN, **options),
    "torchaudio": lambda _, **options: Tacotron2Vocoder(voice_for(HIFIGAN), HIFIGAN, **options),
    "speecht5": lambda _, **options: SpeechT5Vocoder(voice_for(HIFIGAN), **options),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("wrong", ["sead", "num_inference_steps", "steps"])
def test_an_unknown_name_is_an_error(vocoder, name, wrong):
    with pytest.raises(TypeError, match=wrong):
        CALLS[name](vocoder, **{wrong: 8})


@pytest.mark.parametrize("name", ["call", "list", "each_step", "stream", "astream", "matcha"])
@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"convert": "x"}, "convert='x'"),
        ({"convert": None}, "convert=None"),
        ({"n_steps": 2.5}, "n_steps=2.5: expected a whole number"),
        ({"n_steps": "two"}, "n_steps='two'"),
        ({"n_steps": True}, "n_steps=True"),
        ({"sampler": 7}, "no sampler 7"),
        ({"sampler": ["ddim"]}, "no sampler"),
    ],
)
def test_an_impossible_value_is_one_sentence(vocoder, name, option, words):
    with pytest.raises(ConfigError, match=words) as caught:
        CALLS[name](vocoder, **option)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["call", "list", "each_step", "stream", "astream"])
@pytest.mark.parametrize("seed", [0.5, "a", None, True, [1.5]])
def test_a_seed_is_a_whole_number(vocoder, name, seed):
    with pytest.raises(ConfigError, match="expected whole numbers"):
        CALLS[name](vocoder, seed=seed)


@pytest.mark.parametrize("spec", [7, ["hifigan_22k"], {"n_mels": 80}])
def test_a_convention_is_a_spec_or_a_name(vocoder, spec):
    with pytest.raises(ConfigError, match="expected a MelSpec, or a convention's name"):
        vocoder(MEL, spec=spec)


@pytest.mark.parametrize("f0", [3, 3.5, np.array(110.0)])
def test_a_single_number_is_no_f0(vocoder, f0):
    with pytest.raises(ConfigError, match="expected an f0"):
        vocoder(MEL, spec=HIFIGAN, f0=f0)


NO_RATES = ["22050", 0, -1, 1, 999, 768001, float("nan"), float("inf"), [22050], torch.tensor([22050])]


@pytest.mark.parametrize("rate", NO_RATES)
def test_a_rate_is_a_number_of_hertz(vocoder, rate):
    with pytest.raises(ConfigError, match="expected 1000 to 768000 Hz"):
        vocoder.mel(torch.zeros(3000), rate)


@pytest.mark.parametrize("model", [3, None, b"ljspeech-tiny", ["ljspeech-tiny"]])
def test_a_model_is_a_name_or_a_folder(model):
    with pytest.raises(BundleError, match="as a model: expected"):
        Vocoder.from_pretrained(model)


@pytest.mark.parametrize("mel", [3, {}, ["hifigan_22k"]])
def test_the_convention_of_a_voice_is_a_spec_or_a_name(vocoder, mel):
    with pytest.raises(ConfigError, match="expected a MelSpec, or a convention's name"):
        vocoder.for_mel(mel)


def test_only_a_voice_for_every_mel_is_loaded_for_another_one():
    assert Vocoder.from_pretrained("ljspeech-tiny", mel="hifigan_22k").mel_spec == HIFIGAN
    with pytest.raises(ConfigError, match="ljspeech-tiny speaks hifigan_22k only"):
        Vocoder.from_pretrained("ljspeech-tiny", mel="espnet_24k")
    with pytest.raises(BundleError, match="is a generator"):
        Vocoder.from_pretrained("fsdd-digits", mel="espnet_24k")
    with pytest.raises(ConfigError, match="cannot be inverted"):
        Vocoder.from_pretrained("universal", mel=replace(HIFIGAN, hop_length=600))


def test_a_convention_goes_by_its_name(vocoder):
    assert_close(vocoder(MEL, spec="hifigan_22k"), vocoder(MEL, spec=HIFIGAN), rtol=0, atol=0)
    with pytest.raises(ConfigError, match="did you mean"):
        vocoder(MEL, spec="hifigan22k")
    with pytest.raises(MelMismatchError, match="diffwave_22k"):
        vocoder.stream(spec="diffwave_22k").feed(MEL)


def test_numbers_may_be_of_numpy_or_torch(vocoder):
    batch = torch.stack([MEL, MEL])
    expected = vocoder(batch, spec=HIFIGAN, seed=[3, 4], n_steps=2)
    for seeds in (np.array([3, 4]), torch.tensor([3, 4]), (np.int32(3), np.uint8(4))):
        assert_close(vocoder(batch, spec=HIFIGAN, seed=seeds, n_steps=np.int64(2)), expected, rtol=0, atol=0)
    one = vocoder(MEL, spec=HIFIGAN, seed=np.int64(3), n_steps=2)
    assert_close(one, expected[0], rtol=0, atol=1e-5)
    lengths = np.array([6, 2])
    assert_close(vocoder(batch, lengths, spec=HIFIGAN), vocoder(batch, [6, 2], spec=HIFIGAN), rtol=0, atol=0)


def test_a_grid_stands_in_for_a_number_of_steps(vocoder):
    times = vocoder.times(2)
    assert_close(vocoder(MEL, times=times, spec=HIFIGAN), vocoder(MEL, n_steps=2, spec=HIFIGAN), rtol=0, atol=0)
    with pytest.raises(ConfigError, match="n_steps and times"):
        vocoder(MEL, n_steps=2, times=times, spec=HIFIGAN)
    with pytest.raises(ConfigError, match="a grid must fall"):
        vocoder(MEL, times=times.flip(0), spec=HIFIGAN)
