"""Spectral distances measure what they say, on changes whose size is known."""

import numpy as np
import pytest

from audiodiff.errors import AudioError
from audiodiff.evaluation.alignment import align
from audiodiff.evaluation.spectral import (
    LEVEL_BIASES,
    high_band_measures,
    level_measures,
    log_mel_measures,
    si_sdr,
    stft_measures,
)
from tests.evaluation.conftest import SAMPLE_RATE


@pytest.fixture(scope="module")
def noise():
    return 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE)


@pytest.mark.parametrize("gain", [0.5, 2.0, 3.0])
def test_a_change_of_level_is_measured_and_then_taken_out(noise, gain):
    pair = align(noise, gain * noise, SAMPLE_RATE)
    measured = log_mel_measures(pair) | stft_measures(pair) | level_measures(pair)
    assert measured["log_mel"] == pytest.approx(abs(np.log(gain)))
    assert measured["log_mel_bias"] == pytest.approx(np.log(gain))
    assert measured["level"] == pytest.approx(20 * np.log10(gain))
    for name in ("log_mel_matched", "mr_stft_matched", "mcd", "mcd_dtw"):
        assert measured[name] == pytest.approx(0, abs=1e-6)
    assert measured["mr_stft"] > 0.1


def test_the_bias_is_that_of_the_bins_of_its_level(noise):
    quiet = noise * np.linspace(0, 1, len(noise)) ** 4
    measured = log_mel_measures(align(quiet, quiet + 1e-3 * noise[::-1], SAMPLE_RATE))
    softest, soft, middle, *loud = [measured[name] for name in LEVEL_BIASES]
    assert softest > 1
    assert softest > soft > middle > 0
    assert loud == pytest.approx([0, 0], abs=1e-3)


def test_a_level_that_does_not_occur_has_a_reason_instead_of_a_number(noise):
    measured = log_mel_measures(align(noise, noise, SAMPLE_RATE))
    assert "no bin" in measured["log_mel_bias_below_6"]


def test_warping_forgives_another_timing(speech):
    reference = speech["LJ001-0002"]
    stretched = np.interp(np.arange(0, len(reference), 0.97), np.arange(len(reference)), reference)
    measured = log_mel_measures(align(reference, stretched, SAMPLE_RATE))
    assert measured["mcd_dtw"] < 0.7 * measured["mcd"]


@pytest.mark.parametrize("gain", [0.1, 10])
def test_the_high_band_is_what_lies_above_the_mel(noise, gain):
    spectrum = np.fft.rfft(noise)
    spectrum[int(0.6 * len(spectrum)) :] *= gain
    pair = align(noise, np.fft.irfft(spectrum), SAMPLE_RATE)
    decibels = 20 * np.log10(gain)
    assert high_band_measures(pair, 7000)["high_band_bias"] == pytest.approx(decibels, abs=0.5)
    assert high_band_measures(pair, 7000)["high_band"] == pytest.approx(abs(decibels), abs=0.5)
    assert "nothing lies above" in high_band_measures(pair, SAMPLE_RATE / 2)["high_band"]


@pytest.mark.parametrize("decibels", [0, 10, 30])
def test_si_sdr_is_the_ratio_that_was_mixed(decibels):
    rng = np.random.default_rng(1)
    signal, error = rng.standard_normal((2, 100000))
    mixture = 7 * (signal + error * 10 ** (-decibels / 20))
    assert si_sdr(signal, mixture) == pytest.approx(decibels, abs=0.1)


def test_a_few_samples_are_refused(noise):
    with pytest.raises(AudioError, match="too short"):
        log_mel_measures(align(noise[:300], noise[:300], SAMPLE_RATE))
