"""What the ear attends to, on sounds of which it is known."""

import numpy as np
import pytest

from audiodiff.evaluation.ear import EAR, ear_measures
from audiodiff.evaluation.ear.frames import Voiced, band_pass, envelope
from audiodiff.evaluation.ear.group_delay import group_delays
from audiodiff.evaluation.ear.onsets import pre_echo
from audiodiff.evaluation.ear.periodicity import periodicity_and_level
from audiodiff.evaluation.ear.pulse_alignment import moved_onto
from audiodiff.evaluation.ear.pulse_modulation import modulation
from audiodiff.evaluation.ear.residual import crest, residual
from audiodiff.evaluation.ear.voicing import voicing_measures
from audiodiff.source.linear_prediction import predictors
from tests.evaluation.conftest import SAMPLE_RATE
from tests.evaluation.controls import inverted_from_the_mel

RATE = 16000
VOICED = Voiced(np.arange(2000, 14000, 160), np.full(75, 125.0))


def noise(seed=0, n_samples=RATE):
    return np.random.default_rng(seed).standard_normal(n_samples)


def pulses(period=128, n_samples=RATE):
    """One sample in every period: the clearest voice there is."""
    return np.where(np.arange(n_samples) % period == 0, 1.0, 0.0)


@pytest.mark.parametrize("late", [-500, -3, 0, 1, 700])
@pytest.mark.parametrize("gain", [1.0, -0.2])
def test_the_lag_the_level_and_the_polarity_are_taken_out(speech, late, gain):
    reference = np.pad(speech["LJ001-0002"], 1000)
    moved = moved_onto(reference, gain * np.roll(reference, late), SAMPLE_RATE)
    np.testing.assert_allclose(moved, reference, atol=1e-9)


@pytest.mark.parametrize("late", [-400, 331])
def test_where_the_phases_are_lost_the_pulses_give_the_lag(speech, late):
    reference = np.pad(speech["LJ001-0002"], 1000)
    made = np.pad(inverted_from_the_mel(speech["LJ001-0002"]), 1000)
    made = np.pad(made, (0, len(reference) - len(made)))
    at_once, later = (moved_onto(reference, wave, SAMPLE_RATE) for wave in (made, np.roll(made, late)))
    np.testing.assert_allclose(later, at_once, rtol=0.01, atol=1e-4)


def test_the_residual_of_a_resonance_is_what_excited_it():
    """Two poles at 500 Hz ring after every pulse; prediction takes the ringing away, but for the pre-emphasis."""
    angle, radius = 2 * np.pi * 500 / RATE, 0.98
    ringing = np.zeros(RATE)
    for i, pulse in enumerate(pulses()):
        ringing[i] = pulse + 2 * radius * np.cos(angle) * ringing[i - 1] - radius**2 * ringing[i - 2]
    bare, rung = (crest(residual(wave, RATE, VOICED.centers)).mean() for wave in (pulses(), ringing))
    assert rung == pytest.approx(bare, abs=1.0)
    frames = np.lib.stride_tricks.sliding_window_view(ringing, 480)[VOICED.centers]
    assert crest(frames - frames.mean(axis=1, keepdims=True)).mean() < rung - 5


def test_prediction_finds_the_coefficients_of_an_autoregression():
    wave = np.zeros(8000)
    for i, chance in enumerate(noise(n_samples=8000)):
        wave[i] = chance + 1.2 * wave[i - 1] - 0.6 * wave[i - 2]
    found = predictors(wave[None, -1000:] * np.hanning(1000), 18)[0]
    np.testing.assert_allclose(found[:2], [1.2, -0.6], atol=0.15)
    assert np.abs(found[2:]).max() < 0.2


def test_pulses_have_a_higher_crest_than_noise():
    sharp, dull = (crest(residual(wave, RATE, VOICED.centers)).mean() for wave in (pulses(), noise()))
    assert sharp > 15
    assert 8 < dull < 13


@pytest.mark.parametrize("depth", [0.2, 0.6])
def test_a_modulated_tone_has_the_depth_of_its_modulation(depth):
    time = np.arange(RATE) / RATE
    tone = (1 + depth * np.sin(2 * np.pi * 125 * time)) * np.sin(2 * np.pi * 3000 * time)
    found, _ = modulation(envelope(tone, (2000, 4000), RATE), RATE, VOICED)
    np.testing.assert_allclose(found, depth, rtol=0.05)


def test_pulses_are_periodic_in_a_high_band_and_noise_is_not():
    clear, _ = periodicity_and_level(band_pass(pulses(), (2000, 5000), RATE))
    hoarse, _ = periodicity_and_level(band_pass(noise(), (2000, 5000), RATE))
    assert clear.min() > 0.95
    assert hoarse.max() < 0.6


@pytest.mark.parametrize("decibels", [6.0, 12.0])
def test_pre_echo_is_the_energy_before_bursts(decibels):
    """Noise of a known level before every burst becomes louder by so much."""
    soft, loud = 0.1 * noise(), noise(1)  # the filter itself rings at a hundredth of the burst
    burst = (np.arange(RATE) % 4000 >= 2000).astype(float)
    reference = burst * loud + soft
    generated = burst * loud + 10 ** (decibels / 20) * soft
    assert pre_echo(reference, generated, RATE) == pytest.approx(decibels, abs=0.5)
    assert pre_echo(reference, reference, RATE) == 0


def test_a_pulse_has_the_group_delay_of_its_place():
    apart = Voiced(VOICED.centers[::4], VOICED.f0[::4])
    wave = np.zeros(RATE)
    wave[apart.centers + 24] = 1.0  # 1.5 ms after the middle of the frame
    delays, magnitudes = group_delays(wave, RATE, apart)
    np.testing.assert_allclose(delays, 1.5, atol=0.05)
    assert magnitudes.min() > 0.5


def test_voicing_and_pitch_are_those_of_the_tracks():
    reference = np.array([0.0, 0, 100, 100, 100, 100, 100, 100, 100, 100])
    generated = np.array([0.0, 100, 101, 101, 101, 101, 101, 101, 200, 0])
    measured = voicing_measures(reference, generated)
    assert measured["voicing_f1"] == pytest.approx(2 * 7 / (8 + 8))
    assert measured["f0_deviation"] == pytest.approx(1200 * np.log2(1.01))
    assert "2 frames" in voicing_measures(reference[:4], generated[:4])["f0_deviation"]


def test_what_cannot_be_measured_has_a_reason(speech):
    hiss = 0.1 * noise(n_samples=8000)
    measured = ear_measures(hiss, hiss, RATE)
    assert measured.keys() == set(EAR)
    assert {"residual_crest", "pulse_depth_2k", "group_delay", "f0_deviation"} <= without_number(measured)
    slow = np.ascontiguousarray(speech["LJ001-0002"][::4])
    measured = ear_measures(slow, 0.5 * slow + 0.1 * noise(n_samples=len(slow)), SAMPLE_RATE // 4)
    assert measured.keys() == set(EAR)
    assert {"residual_crest", "pulse_depth_2k", "pulse_depth_4k", "pre_echo"} <= without_number(measured)
    assert np.isfinite([measured["pulse_depth_1k"], measured["voicing_f1"]]).all()


def without_number(measured):
    """The metrics for which there is a reason instead."""
    return {name for name, value in measured.items() if isinstance(value, str)}
