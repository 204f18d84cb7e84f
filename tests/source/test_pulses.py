"""Pulse trains: their power, their phase, and that pieces make no difference."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from audiodiff.source.pulses import HALF, PulseGenerator, lag_of, pulse_train, recorded_pulses, whole_pulses

RATE, HOP = 22050, 256


def generated(f0, *, centre=128, sizes=None):
    generator = PulseGenerator(sample_rate=RATE, hop_length=HOP, centre=centre)
    pieces = f0.split(sizes) if sizes else [f0]
    return torch.cat([*(generator.feed(piece) for piece in pieces), generator.feed(f0[:0], last=True)])


def instants_of(wave):
    """Centres of gravity of the pulses in a wave whose pulses lie further apart than they are wide."""
    peaks = (wave[1:-1] > wave[:-2]) & (wave[1:-1] >= wave[2:]) & (wave[1:-1] > 0.3 * wave.max())
    tops = peaks.nonzero().squeeze(1) + 1
    places = tops.unsqueeze(1) + torch.arange(-HALF, HALF + 1)
    near = torch.nn.functional.pad(wave.double(), (HALF, HALF))[places + HALF]
    return (near * places).sum(dim=1) / near.sum(dim=1)


def varied(frames, seed=0):
    """f0 of a voice that comes and goes, between 80 and 400 Hz."""
    generator = torch.Generator().manual_seed(seed)
    walk = torch.randn(frames, generator=generator, dtype=torch.float64).cumsum(0) / 8
    voiced = torch.randn(frames, generator=generator).cumsum(0).sin() > -0.4
    return torch.where(voiced, 180 * 2 ** walk.sin(), 0.0)


@pytest.mark.parametrize("f0", [50.0, 123.4, 500.0, 1000.0])
def test_pulses_have_the_power_of_white_noise(f0):
    """Whatever f0 is; what is lost lies next to half the sample rate, where a short sinc falls off."""
    wave = generated(torch.full((172,), f0))[2048:-2048]
    assert wave.square().mean().item() == pytest.approx(1, abs=0.07)
    power = torch.fft.rfft(wave * torch.hann_window(len(wave))).abs().square()
    low = int(0.8 * len(power))
    density = power[:low].mean() / torch.hann_window(len(wave)).square().sum()
    assert density.item() == pytest.approx(1, abs=0.03)


def test_a_pulse_is_flat_almost_to_half_the_sample_rate_and_lies_between_samples():
    for instant in (100.0, 100.25, 100.5, 100.9):
        pulse = pulse_train(torch.tensor([instant], dtype=torch.float64), torch.ones(1), 256)
        spectrum = torch.fft.rfft(pulse.double())
        low = torch.arange(int(0.75 * len(spectrum)))
        wanted = torch.exp(-2j * torch.pi * low.double() * instant / 256)
        assert_close(spectrum[low], wanted, rtol=0, atol=0.02)


def test_parts_of_pulses_beyond_the_ends_are_cut_off():
    whole = pulse_train(torch.tensor([40.3, 59.7]), torch.tensor([1.0, 2.0]), 100)
    cut = pulse_train(torch.tensor([40.3, 59.7]) - 40, torch.tensor([1.0, 2.0]), 20)
    assert_close(cut, whole[40:60], rtol=0, atol=1e-5)
    assert whole.count_nonzero() <= 4 * HALF
    assert pulse_train(torch.zeros(0), torch.zeros(0), 9).tolist() == [0.0] * 9


def test_recorded_pulses_lie_where_they_are_said_to():
    instants = torch.tensor([500.25, 700.5, 900.75, 1100.0], dtype=torch.float64)
    wave = recorded_pulses(instants, torch.full((4,), 110.0), 2000, RATE)
    assert_close(instants_of(wave), instants, rtol=0, atol=0.02)
    assert wave.max().item() == pytest.approx((RATE / 110.0) ** 0.5, rel=1e-3)  # the one that lies on a sample


@pytest.mark.parametrize("centre", [0, 128])
@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 12), min_size=1, max_size=12), seed=st.integers(0, 9))
def test_pulses_in_pieces_are_the_whole(centre, sizes, seed):
    f0 = varied(sum(sizes), seed)
    generator = PulseGenerator(sample_rate=RATE, hop_length=HOP, centre=centre)
    pieces = [generator.feed(piece) for piece in f0.split(sizes)]
    frames = sum(map(len, pieces)) / HOP
    assert frames == max(0, sum(sizes) - lag_of(centre))
    pieces.append(generator.feed(f0[:0], last=True))
    assert_close(torch.cat(pieces), generated(f0, centre=centre), rtol=0, atol=1e-6)
    assert sum(map(len, pieces)) == HOP * len(f0)


@pytest.mark.parametrize("centre", [0, 128])
def test_a_batch_of_whole_voices_is_each_of_them(centre):
    f0 = torch.stack([varied(50, seed) for seed in range(3)] + [torch.zeros(50).double()])
    made = whole_pulses(f0, sample_rate=RATE, hop_length=HOP, centre=centre)
    settings = {"sample_rate": RATE, "hop_length": HOP, "centre": centre}
    assert_close(made, torch.stack([PulseGenerator(**settings).feed(one, last=True) for one in f0]), rtol=0, atol=0)


def test_the_phase_goes_on_through_a_glide():
    """The number of pulses between two moments is the integral of f0 between them."""
    frames = 200
    f0 = torch.full((frames,), 100.0, dtype=torch.float64) * 3 ** torch.linspace(0, 1, frames, dtype=torch.float64)
    found = instants_of(generated(f0))
    at = np.interp(np.arange(frames * HOP), (np.arange(frames) * HOP + 128), f0.log().numpy())
    phase = np.cumsum(np.exp(at)) / RATE
    turns = np.interp(found.numpy(), np.arange(frames * HOP), phase)
    np.testing.assert_allclose(turns, np.arange(1, len(found) + 1), atol=0.01)


def test_unvoiced_frames_have_no_pulses_and_the_phase_waits():
    f0 = torch.tensor([200.0] * 20 + [0.0] * 20 + [200.0] * 20)
    wave = generated(f0)
    assert wave[20 * HOP + HALF : 40 * HOP - HALF].abs().max() == 0
    found = instants_of(wave)
    before, after = found[found < 30 * HOP], found[found > 30 * HOP]
    period = RATE / 200.0
    assert_close(before.diff(), torch.full_like(before.diff(), period), rtol=0, atol=0.05)
    heard = (20 * HOP - before[-1]) + (after[0] - 40 * HOP)
    assert heard.item() == pytest.approx(period, abs=1.5)


def test_a_voice_of_no_frames_or_one():
    assert len(generated(torch.zeros(0))) == 0
    assert generated(torch.zeros(3)).abs().max() == 0
    assert len(instants_of(generated(torch.full((1,), 400.0)))) == int(400 * HOP / RATE)
