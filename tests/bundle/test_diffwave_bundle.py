"""The DiffWave that ships speaks out of the box."""

import sys

import numpy as np
import pytest
import soundfile
import torch

from audiodiff import Vocoder
from audiodiff.bundle.location import BUNDLES, shipped
from audiodiff.cli.main import main
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.networks import DiffWave
from tests.conftest import CLIP

NAME = "diffwave-ljspeech"


def test_it_ships_small_and_is_a_diffwave():
    assert NAME in shipped()
    assert (
        sum(path.stat().st_size for path in (BUNDLES / NAME).iterdir()) <= 4e6
    )  # its prior is that of ljspeech-fast and lies there
    vocoder = Vocoder.from_pretrained(NAME)
    assert isinstance(vocoder.model.denoiser.network, DiffWave)
    assert vocoder.name == NAME
    assert vocoder.mel_spec == convention("hifigan_22k")


@pytest.mark.parametrize("steps", [2, 4, 6])
def test_what_it_says_has_the_mel_that_it_was_given(steps, clip):
    vocoder = Vocoder.from_pretrained(NAME)
    mel = MelSpectrogram(vocoder.mel_spec)(clip[: 256 * 60].unsqueeze(0))[0]
    wave = vocoder(mel, spec=vocoder.mel_spec, n_steps=steps)
    again = MelSpectrogram(vocoder.mel_spec)(wave.unsqueeze(0))[0]
    assert wave.shape == (256 * 60,)
    assert (again - mel).abs().mean() < 0.25
    level = 20 * torch.log10(wave.square().mean().sqrt() / clip[: 256 * 60].square().mean().sqrt())
    assert abs(level.item()) < 1.5


def test_steps_bring_it_nearer_to_the_mel(clip):
    """A diffusion from noise at its full level, whose steps earn their time, on the average over three noises."""
    vocoder = Vocoder.from_pretrained(NAME)
    mels = MelSpectrogram(vocoder.mel_spec)(clip[: 256 * 60].expand(3, -1))
    errors = []
    for steps in (1, 2, 6):
        waves = vocoder(mels, spec=vocoder.mel_spec, n_steps=steps, seed=[0, 1, 2])
        errors.append((MelSpectrogram(vocoder.mel_spec)(waves) - mels).abs().mean().item())
    assert errors[0] > errors[1] > errors[2]


def test_the_command_speaks_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["audiodiff", "vocode", str(CLIP), "--model", NAME, "-o", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    wave, rate = soundfile.read(tmp_path / f"{CLIP.stem}.wav")
    assert rate == 22050
    assert np.abs(wave).max() > 0.05
