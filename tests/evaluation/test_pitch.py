"""Pitch metrics on tones whose pitch is known."""

import numpy as np
import pytest

from audiodiff.evaluation.alignment import Aligned
from audiodiff.evaluation.pitch import f0_errors, f0_measures, f1, periodicity
from tests.evaluation.conftest import SAMPLE_RATE


def voice(f0, seconds=0.5):
    """A sum of harmonics, like a vowel."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return sum(0.2 / k * np.sin(2 * np.pi * k * f0 * time + k) for k in range(1, 15))


@pytest.mark.parametrize("cents", [20, 100, -200])
def test_a_transposed_voice_is_off_by_the_interval(cents):
    pair = Aligned(voice(200), voice(200 * 2 ** (cents / 1200)), SAMPLE_RATE, 0, 1.0, "waveform")
    measured = f0_measures(pair)
    assert measured["f0_cents"] == pytest.approx(abs(cents), abs=5)
    assert measured["f0_fine"] == pytest.approx(abs(cents), abs=5)
    assert (measured["f0_gross"], measured["vuv_f1"]) == (0, pytest.approx(1, abs=0.05))


def test_an_octave_is_a_gross_error():
    reference = np.full(100, 200.0)
    measured = f0_errors(reference, np.where(np.arange(100) < 25, 400.0, 200.0))
    assert measured == {"f0_cents": pytest.approx(600), "f0_fine": 0, "f0_gross": 25}
    assert "by far" in f0_errors(reference, 2 * reference)["f0_fine"]


def test_too_few_voiced_frames_have_a_reason_instead_of_a_number():
    assert "0 frames" in f0_errors(np.zeros(100), np.full(100, 200.0))["f0_cents"]
    assert "voiced" in f1(np.zeros(5, bool), np.zeros(5, bool))


def test_f1_is_the_harmonic_mean_of_precision_and_recall():
    expected, found = np.arange(10) < 6, np.arange(10) % 2 == 0
    precision, recall = 3 / 5, 3 / 6
    assert f1(expected, found) == pytest.approx(2 * precision * recall / (precision + recall))


def test_a_voice_is_periodic_and_noise_is_not():
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    tone, hiss = periodicity(voice(150), SAMPLE_RATE)[10:-10], periodicity(noise, SAMPLE_RATE)[10:-10]
    assert tone.min() > 0.9
    assert hiss.mean() < 0.6
    assert np.all(periodicity(np.zeros(SAMPLE_RATE), SAMPLE_RATE) == 0)
