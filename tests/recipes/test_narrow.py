"""recipes/narrow.py: a denoiser with fewer channels."""

import runpy
import sys
from pathlib import Path

import pytest
import torch

from audiodiff import Vocoder
from audiodiff.bundle.format import load_bundle, save_bundle
from audiodiff.bundle.location import bundle_folder
from audiodiff.data import Utterance, write_manifest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clips(tmp_path):
    """A manifest of two recordings."""
    names = ("LJ001-0002", "LJ001-0008")
    rows = [
        Utterance(id=name, path=ROOT / f"tests/clips/{name}.flac", duration=1.5, sample_rate=22050) for name in names
    ]
    write_manifest(tmp_path / "clips.jsonl", rows)
    return tmp_path / "clips.jsonl"


def narrow(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["narrow.py", *map(str, arguments)])
    runpy.run_path(str(ROOT / "recipes/narrow.py"), run_name="__main__")


def test_channels_that_say_nothing_are_those_that_go(tmp_path, clips, monkeypatch, capsys):
    bundle = load_bundle(bundle_folder("ljspeech-tiny"))
    network = bundle.model.denoiser.network
    for part in (network.input, network.step, *network.layers):
        part.weight.data[::3] = 0
        part.bias.data[::3] = 0
    wide = save_bundle(tmp_path / "wide", "wide", bundle.config, bundle.model, bundle.card, bundle.dtype)
    narrow(monkeypatch, wide, "--channels", 21, "--data", clips, "--name", "narrow", "-o", tmp_path / "narrow")
    assert "21 of 32 channels, with 1.00 of what they tell" in capsys.readouterr().out
    voices = [Vocoder.from_pretrained(folder) for folder in (wide, tmp_path / "narrow")]
    assert voices[1].model.denoiser.network.output.in_channels == 21
    mel = torch.rand(80, 60, generator=torch.Generator().manual_seed(0)) - 4
    one, other = (voice(mel, spec=voice.mel_spec, seed=0) for voice in voices)
    torch.testing.assert_close(other, one, rtol=0, atol=1e-4 * one.abs().max().item())


@pytest.mark.parametrize(
    ("voice", "channels", "reason"),
    [("ljspeech-tiny", 32, "has 32; expected fewer"), ("diffwave-ljspeech", 8, "is a SpectralGainNetwork")],
)
def test_what_cannot_be_is_said(tmp_path, clips, monkeypatch, capsys, voice, channels, reason):
    with pytest.raises(SystemExit):
        narrow(monkeypatch, voice, "--channels", channels, "--data", clips, "--name", "x", "-o", tmp_path / "x")
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
