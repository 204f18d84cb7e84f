"""The iterations in C come to what those in torch come to."""

import shutil

import pytest
import torch
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.engine.iterations.fast_low_band import FastLowBand, IterationKernel
from audiodiff.mel import convention
from audiodiff.networks import KeepToMel
from tests.phase.test_low_band import SPECS, bands_of, voice

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
NAMES = {**SPECS, "rvc_40k": convention("rvc_40k"), "speecht5_16k": convention("speecht5_16k")}


def pair(name: str, **settings: float) -> tuple[KeepToMel, FastLowBand]:
    finish = KeepToMel(mel=NAMES[name], **settings)
    assert finish.low is not None
    return finish, FastLowBand(finish, finish.low)


def inputs(name: str, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Waveforms of other phases than the mels' [2, samples], and the bands of those."""
    spec = NAMES[name]
    waves, targets = (torch.cat([voice(spec, 40, seed) for seed in seeds]) for seeds in ((1, 2), (3, 4)))
    bands = bands_of(KeepToMel(mel=spec).double(), spec, targets)
    return waves[:, : frames * spec.hop_length].float(), bands[:, :frames].float()


@needs_compiler
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("settings", [{"iterations": 1}, {"iterations": 18, "share": 0.8}])
@pytest.mark.parametrize("frames", [1, 5, 40])
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_same_function(name, frames, settings, threads, monkeypatch):
    finish, fast = pair(name, **settings)
    waves, bands = inputs(name, frames)
    expected = finish.low(waves, bands, [0, 3])
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert frames == 1 or (expected - waves).abs().max() > 1e-3
    assert_close(fast(waves, bands, [0, 3]), expected, rtol=0, atol=1e-5)


@needs_compiler
def test_gradients_are_those_of_torch():
    finish, fast = pair("hifigan_22k", iterations=2)
    waves, bands = inputs("hifigan_22k", 9)
    expected, found = waves.clone().requires_grad_(), waves.clone().requires_grad_()
    finish.low(expected, bands).square().sum().backward()
    fast(found, bands).square().sum().backward()
    assert torch.equal(found.grad, expected.grad)


def test_other_types_are_none_of_its():
    finish, _ = pair("hifigan_22k", iterations=2)
    assert FastLowBand.knows(finish.low)
    assert not FastLowBand.knows(finish.double().low)


@needs_compiler
@pytest.mark.parametrize("model", ["ljspeech-fast", "diffwave-ljspeech"])
def test_vocoder_compiles(model, monkeypatch):
    runs, plain = [], IterationKernel.__call__
    monkeypatch.setattr(IterationKernel, "__call__", lambda self, *given: runs.append(1) or plain(self, *given))
    vocoder = Vocoder.from_pretrained(model)
    finish = vocoder.model.finish
    mel = vocoder.mel(voice(vocoder.mel_spec, 30)[0].float())
    expected = vocoder(mel, spec=vocoder.mel_spec, n_steps=1)
    assert not runs
    made = vocoder.compile()(mel, spec=vocoder.mel_spec, n_steps=1)
    assert runs
    assert not isinstance(finish.low, FastLowBand)
    assert_close(made, expected, rtol=0, atol=1e-4)
