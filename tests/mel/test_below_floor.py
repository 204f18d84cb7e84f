"""What is taken to lie at and below a mel's floor, beside what does."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from audiodiff.audio import load_audio, resample
from audiodiff.mel import CONVENTIONS, MelSpec, MelSpectrogram, convention
from audiodiff.mel.below_floor import DEEPEST, LikelyBands
from audiodiff.mel.compression import MelCompression

CLIP = Path(__file__).parents[1] / "clips/LJ001-0002.flac"
BOUNDED = [name for name, spec in CONVENTIONS.items() if LikelyBands(spec).bounded]


def recording(spec: MelSpec, gain: float = 1.0) -> torch.Tensor:
    return gain * resample(load_audio(CLIP), 22050, spec.sample_rate)[None]


def true_bands(spec: MelSpec, wave: torch.Tensor) -> torch.Tensor:
    """Natural logarithms of the band values, without any floor but one 5 nepers below that of the convention."""
    open_below = replace(spec, floor=1e-30, magnitude_epsilon=0.0, magnitude_floor=0.0, range=None)
    bands = MelCompression(open_below).log_bands(MelSpectrogram(open_below)(wave))
    return bands.maximum(LikelyBands(spec).floor - 5 * spec.power)


@pytest.mark.parametrize("name", ["hifigan_22k", "tacotron2_22k", "espnet_24k", "xtts_dvae_22k", "bigvgan_44k_512"])
def test_what_lies_above_the_floor_is_taken_as_it_is(name):
    spec = convention(name)
    noise = 0.1 * torch.randn(1, 20 * spec.n_fft, generator=torch.Generator().manual_seed(0))
    mel = MelSpectrogram(spec)(noise)
    assert_close(LikelyBands(spec)(mel), MelCompression(spec).log_bands(mel), rtol=0, atol=0)


def errors(spec: MelSpec, gain: float, *, at_floor: bool) -> tuple[float, float]:
    """Mean distances of the likely bands and of the mel's own from the true ones, in nepers."""
    wave = recording(spec, gain)
    mel, wanted, likely = MelSpectrogram(spec)(wave), true_bands(spec, wave), LikelyBands(spec)
    plain = MelCompression(spec).log_bands(mel)
    there = (plain < likely.floor + 0.01 * spec.power) == at_floor
    off, before = ((bands - wanted)[there].abs().mean().item() for bands in (likely(mel), plain))
    return off, before


@pytest.mark.parametrize("name", ["fish_24k", "acestep_44k", "rvc_32k"])
@pytest.mark.parametrize("gain", [0.03, 0.1])
def test_added_energy_is_taken_off(name, gain):
    off, before = errors(convention(name), gain, at_floor=False)
    assert off < 0.3 * before


@pytest.mark.parametrize("name", ["xtts_dvae_22k", "coqui_22k", "wavefm_24k", "fish_24k", "rvc_32k"])
@pytest.mark.parametrize("gain", [0.03, 0.1])
def test_bands_at_the_floor_are_nearer_to_where_recordings_have_them(name, gain):
    off, before = errors(convention(name), gain, at_floor=True)
    assert off < 0.9 * before


@pytest.mark.parametrize("name", CONVENTIONS)
def test_silence_lies_deepest_where_there_is_a_floor(name):
    spec = convention(name)
    likely = LikelyBands(spec)
    mel = MelSpectrogram(spec)(torch.zeros(1, 8 * spec.n_fft))[..., :-2]  # some treat the last frame apart
    floor = MelCompression(spec).log_bands(mel)
    assert_close(likely(mel), floor - spec.power * DEEPEST if likely.bounded else floor)


def test_without_a_floor_nothing_is_changed():
    spec = replace(convention("hifigan_22k"), floor=0.0, silence=-20.0, magnitude_epsilon=0.0)
    likely = LikelyBands(spec)
    mel = MelSpectrogram(spec)(torch.zeros(1, 4096))
    assert not likely.bounded
    assert_close(likely(mel), MelCompression(spec).log_bands(mel))


@pytest.mark.parametrize("name", BOUNDED)
def test_a_louder_band_is_never_taken_for_a_quieter_one(name):
    """From the floor up, all other bands of the frame as they are."""
    spec = convention(name)
    likely = LikelyBands(spec)
    levels, middle = torch.linspace(0, 3, 301), spec.n_mels // 2
    above = torch.full((1, spec.n_mels, len(levels)), 6.0)
    above[:, middle] = levels
    found = likely(MelCompression(spec).noted(likely.floor + spec.power * above))[0, middle]
    assert (found.diff() > -1e-4).all()
