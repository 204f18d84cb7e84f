"""Waveforms on the scale of the mel's envelope."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from audiodiff.audio import load_audio
from audiodiff.conditioning import Conditioning
from audiodiff.errors import ConfigError
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.networks import DiffWave, Whitening
from audiodiff.priors import SpectralEnvelope

CLIP = Path(__file__).parents[1] / "clips" / "LJ001-0002.flac"
MEL = convention("hifigan_22k")
WHITENING = Whitening(mel=MEL)


@pytest.fixture(scope="module")
def speech() -> tuple[torch.Tensor, torch.Tensor]:
    """A second of a recording, and its mel."""
    wave = load_audio(CLIP, 22050)[None, : 86 * 256]
    return wave, MelSpectrogram(MEL)(wave)[..., :86]


def test_speech_becomes_flat(speech):
    """Its loud and quiet thirds of time and of frequency come to lie within 10 dB, from more than 20."""
    wave, mel = speech
    white = WHITENING.white(wave, WHITENING.std(mel))
    assert spread(wave) > 20
    assert spread(white) < 10


def spread(wave: torch.Tensor) -> float:
    """Of the levels of nine parts, thirds of time and of frequency, in dB."""
    power = WHITENING.stft(wave).abs().square()[0]
    parts = [part.mean() for rows in power[1:].tensor_split(3, dim=0) for part in rows.tensor_split(3, dim=1)]
    levels = 10 * torch.stack(parts).log10()
    return (levels.max() - levels.min()).item()


def test_noise_of_the_priors_shape_becomes_white_noise_of_variance_one(speech):
    """Where the mel stays as it is; at its jumps a quiet frame is loud with its neighbour's samples."""
    mel = speech[1].mean(dim=-1, keepdim=True).expand(-1, -1, 86)
    shaped = SpectralEnvelope(mel=MEL).shape(torch.randn(1, 86 * 256), Conditioning(mel=mel))
    white = WHITENING.white(shaped, WHITENING.std(mel))
    assert 0.9 < white.std() < 1.1


def test_colored_is_the_inverse_of_white(speech):
    wave, mel = speech
    std = WHITENING.std(mel)
    again = WHITENING.colored(WHITENING.white(wave, std), std)
    assert (again - wave).norm() < 0.3 * wave.norm()
    flat = torch.full_like(std, 0.1)
    assert_close(WHITENING.colored(WHITENING.white(wave, flat), flat), wave, rtol=0, atol=1e-5)


def test_silence_stays_finite():
    mel = torch.full((1, 80, 20), -11.5)
    assert WHITENING.white(torch.zeros(1, 20 * 256), WHITENING.std(mel)).abs().max() == 0
    assert (WHITENING.std(mel) >= WHITENING.quietest).all()


@pytest.mark.parametrize("settings", [{"n_mels": None}, {"n_mels": 80, "outputs": 2}])
def test_what_it_does_not_go_with_is_said(settings):
    with pytest.raises(ConfigError, match="whitening needs a mel"):
        DiffWave(hop_length=256, channels=4, layers=2, whitening=WHITENING, **settings)
