"""The mel of a recording has a frame for every whole hop, and one at least, whoever asks for it."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from audiodiff.audio import load_audio, save_audio
from audiodiff.bulk.vocoding import analysed
from audiodiff.demo.limits import Limits
from audiodiff.demo.upload import Reading, open_upload
from audiodiff.errors import AudioError
from audiodiff.evaluation.copy_synthesis import mel_of
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.vocoder.extraction import extracted

SPEC = replace(convention("hifigan_22k"), pad_mode="constant")
"""Which is not too short for any waveform."""
WAYS = {
    "vocode": lambda path: analysed(path, SPEC, resample=False).mel,
    "evaluate": lambda path: mel_of(path, SPEC),
    "demo": lambda path: open_upload(path, Reading(), SPEC, Limits()).mel,
    "Vocoder.mel": lambda path: extracted(load_audio(path), SPEC, None)[0],
}


@pytest.mark.parametrize("way", WAYS)
def test_every_whole_hop_is_a_frame(way, tmp_path):
    save_audio(tmp_path / "a.wav", torch.linspace(-1, 1, 3 * 256 + 255).sin(), 22050)
    expected = MelSpectrogram(SPEC)(load_audio(tmp_path / "a.wav")[None])[0, :, :3]
    assert_close(WAYS[way](tmp_path / "a.wav"), expected, rtol=0, atol=0)


@pytest.mark.parametrize("way", WAYS)
def test_less_than_a_hop_is_refused(way, tmp_path):
    save_audio(tmp_path / "a.wav", torch.full((255,), 0.1), 22050)
    with pytest.raises(AudioError, match="255 samples, less than one mel frame of 256"):
        WAYS[way](tmp_path / "a.wav")


@pytest.mark.parametrize("way", ["vocode", "evaluate"])
def test_another_rate_is_refused(way, tmp_path):
    save_audio(tmp_path / "a.wav", torch.full((9000,), 0.1), 16000)
    with pytest.raises(AudioError, match=r"recorded at 16000 Hz.*pass --resample"):
        WAYS[way](tmp_path / "a.wav")
