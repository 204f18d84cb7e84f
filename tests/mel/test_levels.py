"""Bounds of mel values: no real sound is refused, and no absurd number is let through."""

import pytest
import torch

from audiodiff.errors import MelError
from audiodiff.mel import CONVENTIONS, MelSpectrogram
from audiodiff.mel.levels import check_values


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("gain", [0.0, 1e-4, 1.0, 100.0])
def test_sound_of_any_level_is_let_through(name, gain):
    spec = CONVENTIONS[name]
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 4 * spec.n_fft, generator=generator) * 2 - 1
    square = torch.arange(4 * spec.n_fft).div(spec.hop_length // 8 or 1).floor().remainder(2).mul(2).sub(1)[None]
    for wave in (noise, square, torch.ones_like(noise)):
        check_values(MelSpectrogram(spec)(gain * wave), spec)


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("value", [1e3, -1e4, 1e10, -1e10])
def test_absurd_values_are_refused(name, value):
    mel = torch.zeros(1, CONVENTIONS[name].n_mels, 4)
    mel[0, 3, 2] = value
    with pytest.raises(MelError, match="sound has"):
        check_values(mel, CONVENTIONS[name])
