"""Bundles that shipped with the former release speak as they did there.

`former_release.safetensors` holds mels and the waveforms that the code of commit 49a0fde, before the packages were laid
out anew, made of them with the bundles' own settings and seed 0, and the digit "three" in two steps.
"""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from audiodiff import Generator, Vocoder

RECORDED = load_file(Path(__file__).with_name("former_release.safetensors"))
VOICES = sorted(name.removesuffix(".mel") for name in RECORDED if name.endswith(".mel"))
pytestmark = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512",
    reason="recorded with AVX-512: other processors round otherwise, and Griffin-Lim magnifies that",
)


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_speaks_as_before(name):
    vocoder = Vocoder.from_pretrained(name)
    wave = vocoder(RECORDED[f"{name}.mel"], spec=vocoder.mel_spec)
    assert wave.std() > 0.01
    assert_close(wave, RECORDED[f"{name}.wave"], atol=1e-6, rtol=0)


def test_digits_are_spoken_as_before():
    wave = Generator.from_pretrained("fsdd-digits")(label="3", n_steps=2, seed=0)
    assert wave.std() > 0.01
    assert_close(wave[0], RECORDED["fsdd-digits.wave"], atol=1e-6, rtol=0)
