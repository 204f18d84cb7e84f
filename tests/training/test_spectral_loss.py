"""Losses on spectra: what they hear, and that every window can be resolved."""

import math

import pytest
import torch

from audiodiff.training.spectral_loss import MultiResolutionMel, MultiResolutionStft

RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)


@pytest.mark.parametrize("rate", RATES)
def test_every_band_of_every_window_holds_a_bin(rate):
    for front_end in MultiResolutionMel(rate).front_ends:
        assert (front_end.filters.sum(dim=1) > 0).all()
    assert len(front_end.filters) > 60  # the longest window tells many bands apart


@pytest.mark.parametrize("rate", RATES)
def test_equal_waveforms_have_no_distance_and_others_have(rate):
    wave = 0.1 * torch.randn(2, rate // 4)
    of = MultiResolutionMel(rate)
    assert of(wave, wave) == 0
    assert of(wave, 2 * wave) == pytest.approx(0.6931, rel=0.02)  # ln 2 in every band
    assert of(wave, 0.1 * torch.randn(2, rate // 4)) > 0.1


@pytest.mark.parametrize("silent", ["wave", "reference", "both"])
def test_silence_has_a_finite_gradient(silent):
    noise, none = 0.1 * torch.randn(1, 4096), torch.zeros(1, 4096)
    wave, reference = (none.clone() if silent in (name, "both") else noise for name in ("wave", "reference"))
    wave.requires_grad_()
    MultiResolutionMel(22050)(wave, reference).backward()
    assert wave.grad.isfinite().all()


def test_the_lowest_kilohertz_is_a_third_of_it():
    torch.manual_seed(0)
    reference = 0.1 * torch.randn(1, 22050)
    spectrum = torch.fft.rfft(reference)
    spectrum[:, :1000] *= 0.5
    quieter = torch.fft.irfft(spectrum, n=22050)
    share = MultiResolutionMel(22050, windows=(512, 1024, 2048))(quieter, reference) / math.log(2)
    assert 0.27 < share < 0.36


def test_a_silent_recording_does_not_outweigh_all_others():
    torch.manual_seed(0)
    hiss, speech = 1e-3 * torch.randn(1, 22050), 0.1 * torch.randn(1, 22050)
    of = MultiResolutionStft()
    assert of(hiss, torch.zeros(1, 22050)) < 10
    assert of(0.5 * speech, speech) == pytest.approx(0.5 + math.log(2), rel=0.01)
