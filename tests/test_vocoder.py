"""The vocoder as an engineer embeds it."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.audio import MelSpectrogram
from audiodiff.errors import BundleError, ConfigError, MelError, MelMismatchError
from audiodiff.vocoder import DEFAULT, shipped


@pytest.fixture(scope="module")
def vocoder():
    return Vocoder.from_pretrained()


@pytest.fixture(scope="module")
def mel(vocoder, clip):
    return MelSpectrogram(vocoder.mel_spec)(clip[: 256 * 60].unsqueeze(0))[0]


def test_the_default_voice_ships(vocoder):
    assert DEFAULT in shipped()
    assert vocoder.name == DEFAULT
    assert vocoder.sample_rate == 22050
    assert vocoder.n_steps <= 4


def test_the_default_voice_speaks(vocoder, mel, clip):
    """Its mel is the mel that it was given, to a quarter of a neper on average."""
    wave = vocoder(mel)
    assert wave.shape == (256 * 60,)
    again = MelSpectrogram(vocoder.mel_spec)(wave.unsqueeze(0))[0]
    assert (again - mel).abs().mean() < 0.25
    level = 20 * torch.log10(wave.square().mean().sqrt() / clip[: 256 * 60].square().mean().sqrt())
    assert abs(level.item()) < 1.5


def test_a_mel_sounds_the_same_alone_and_in_a_batch(vocoder, mel):
    other = mel.roll(7, dims=1)
    batch = vocoder(torch.stack([mel, other]), seed=[3, 4])
    assert_close(batch[0], vocoder(mel, seed=3), rtol=0, atol=1e-5)
    assert_close(batch[1], vocoder(other, seed=4), rtol=0, atol=1e-5)


def test_seeds_matter_and_repeat(vocoder, mel):
    assert_close(vocoder(mel, seed=1), vocoder(mel, seed=1), rtol=0, atol=0)
    assert (vocoder(mel, seed=1) - vocoder(mel, seed=2)).abs().max() > 1e-4


@pytest.mark.parametrize("sampler", ["ddim", "euler", "ancestral"])
@pytest.mark.parametrize("steps", [1, 2, 6])
def test_any_sampler_takes_any_number_of_steps(vocoder, mel, sampler, steps):
    states = list(vocoder.steps(mel, steps=steps, sampler=sampler))
    assert len(states) == steps
    assert all(state.isfinite().all() for state in states)


def test_more_frames_later_do_not_change_the_beginning(vocoder, mel):
    """The receptive field is finite: the first frames hear of what comes long after them by rounding alone.

    Griffin-Lim magnifies that rounding, to about -60 dB of full scale.
    """
    long = torch.cat([mel, mel.flip(1), mel, mel.flip(1)], dim=1)
    short = vocoder(long[:, :220], steps=1)
    whole = vocoder(long, steps=1)
    assert_close(whole[: 256 * 60], short[: 256 * 60], rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (torch.zeros(60, 80), MelMismatchError, "transposed"),
        (torch.zeros(100, 60), MelMismatchError, "expected 80 bands"),
        (torch.zeros(80), MelError, "shape"),
        (torch.zeros(80, 0), MelError, "empty"),
        (torch.full((80, 9), np.nan), MelError, "NaN"),
        (torch.full((80, 9), np.inf), MelError, "infinite"),
    ],
)
def test_bad_mels_are_refused(vocoder, bad, error, words):
    with pytest.raises(error, match=words):
        vocoder(bad)


def test_bad_wishes_are_refused(vocoder, mel):
    with pytest.raises(ConfigError, match="sampler"):
        vocoder(mel, sampler="magic")
    with pytest.raises(ConfigError, match="step"):
        vocoder(mel, steps=0)
    with pytest.raises(ConfigError, match="seeds"):
        vocoder(mel, seed=[1, 2])
    with pytest.raises(BundleError, match=DEFAULT):
        Vocoder.from_pretrained("no-such-voice")
    with pytest.raises(ConfigError, match="device"):
        Vocoder.from_pretrained(device="quantum")
