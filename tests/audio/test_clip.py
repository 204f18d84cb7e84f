"""Words in the middle of a clip, all of one loudness."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from audiodiff.audio.clip import loudness, word_clip
from audiodiff.errors import AudioError


def word(n, before=0, after=0, gain=1.0):
    tone = gain * torch.sin(torch.arange(n) * 0.3)
    return torch.cat([torch.zeros(before), tone, torch.zeros(after)])


@settings(max_examples=30, deadline=None)
@given(n=st.integers(200, 3000), before=st.integers(0, 1000), after=st.integers(0, 1000), gain=st.floats(0.001, 1.0))
def test_clip_has_its_length_and_its_peak(n, before, after, gain):
    clip = word_clip(word(n, before, after, gain), length=1600, level=0.1)
    assert clip.shape == (1600,)
    assert clip.abs().max() <= 0.951
    assert clip.abs().max() > 0.1


def test_clip_is_deaf_to_loudness_and_silence_around():
    plain = word_clip(word(800), length=1600, level=0.1)
    assert_close(word_clip(word(800, gain=0.01), length=1600, level=0.1), plain, rtol=1e-3, atol=1e-4)
    centre = (torch.arange(1600) * plain.square()).sum() / plain.square().sum()
    padded = word_clip(word(800, before=700), length=1600, level=0.1)
    moved = (torch.arange(1600) * padded.square()).sum() / padded.square().sum()
    assert abs(centre - 800) < 90
    assert abs(moved - 800) < 90


def test_word_has_the_level():
    assert_close(loudness(word_clip(word(1500), length=1600, level=0.1)), torch.tensor(0.1), rtol=0.05, atol=0.0)


def test_of_a_long_word_the_loudest_part_stays():
    wave = word(4000)
    wave[:2400] *= 0.2
    assert_close(word_clip(wave, length=1600, level=0.1).abs().max(), torch.tensor(0.1 * 2**0.5), rtol=0.05, atol=0.0)


def test_silence_is_refused():
    with pytest.raises(AudioError, match="silent"):
        word_clip(torch.zeros(800), length=1600, level=0.1)
