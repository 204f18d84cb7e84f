"""Pitch shifts at known closures: f0 moves, formants and unvoiced sounds stay."""

import pytest
import torch

from audiodiff.source.pitch_shift import shift_pitch
from audiodiff.source.pitch_track import track_pitch
from tests.vowels import vowel

RATE = 22050


def spoken(f0):
    wave, instants = vowel(f0, RATE, seconds=1.0)
    wave, instants = torch.from_numpy(wave).float(), torch.from_numpy(instants)
    return wave, instants[instants < len(wave)]


@pytest.mark.parametrize("f0", [90.0, 140.0, 230.0])
@pytest.mark.parametrize("factor", [0.65, 0.8, 1.25, 1.45])
def test_f0_moves_by_the_factor(f0, factor):
    wave, instants = spoken(f0)
    shifted, placed = shift_pitch(wave, instants, torch.full_like(instants, f0), factor, RATE)
    assert shifted.shape == wave.shape
    track = torch.from_numpy(track_pitch(shifted.double().numpy(), RATE).f0)
    assert float(track[track > 0].median()) == pytest.approx(factor * f0, rel=0.005)
    assert float(placed.diff().median()) == pytest.approx(RATE / (factor * f0), rel=0.005)


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_the_envelope_stays(factor):
    wave, instants = spoken(110.0)
    shifted, _ = shift_pitch(wave, instants, torch.full_like(instants, 110.0), factor, RATE)

    def bands(x):
        power = torch.fft.rfft(x * torch.hann_window(len(x))).abs().square()
        return 10 * torch.stack([part.sum() for part in power[: len(power) // 20 * 20].chunk(20)]).log10()

    change = bands(shifted) - bands(wave)
    assert float((change - change.mean())[:10].abs().max()) < 4  # an octave's fifth moves the formants' bands by 10 dB
    assert float(change.mean().abs()) < 4


def test_a_factor_of_one_changes_nothing():
    wave, instants = spoken(120.0)
    shifted, placed = shift_pitch(wave, instants, torch.full_like(instants, 120.0), 1.0, RATE)
    torch.testing.assert_close(shifted, wave, rtol=0, atol=1e-5)
    torch.testing.assert_close(placed, instants)


def test_breaks_and_unvoiced_sounds_stay():
    wave, instants = spoken(150.0)
    wave = torch.cat([wave, 0.05 * torch.randn(RATE // 2, generator=torch.Generator().manual_seed(0)), wave])
    later = instants + RATE * 1.5
    both = torch.cat([instants, later])
    shifted, placed = shift_pitch(wave, both, torch.full_like(both, 150.0), 1.3, RATE)
    quiet = slice(int(1.05 * RATE), int(1.45 * RATE))
    torch.testing.assert_close(shifted[quiet], wave[quiet])
    assert not ((placed > 1.02 * RATE) & (placed < 1.48 * RATE)).any()


def test_without_closures_nothing_is_done():
    wave, none = torch.randn(100), torch.empty(0, dtype=torch.float64)
    assert shift_pitch(wave, none, none, 1.5, RATE)[0] is wave
