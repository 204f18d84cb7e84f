"""The smooth all-pass of a recording: found against a reference, and undone."""

import numpy as np
import torch
from scipy.signal import butter, sosfilt

from audiodiff.source.all_pass import smooth_phase, without_phase
from tests.vowels import vowel

RATE, N_FFT = 22050, 1024


def spectrum(wave):
    return torch.stft(wave, N_FFT, 256, window=torch.hann_window(N_FFT), return_complex=True)


def found_against(recording, reference):
    seen, expected = spectrum(recording), spectrum(reference)
    return smooth_phase(seen, expected, 1 / (seen.abs().square() + 1e-6), RATE / N_FFT)


def agreement(a, b):
    """Correlation of two waveforms."""
    return float((a * b).sum() / (a.norm() * b.norm()))


def test_a_high_pass_of_a_microphone_is_undone():
    """Its phase goes, its magnitudes stay."""
    reference = torch.from_numpy(vowel(140.0, RATE)[0]).float()
    sharp = butter(4, 200, "highpass", fs=RATE, output="sos")
    recording = torch.from_numpy(sosfilt(sharp, reference.double().numpy())).float()
    recovered = without_phase(recording, found_against(recording, reference), RATE / N_FFT, RATE)
    assert agreement(recording, reference) < 0.95
    assert agreement(recovered, reference) > 0.97
    before, after = np.abs(np.fft.rfft(recording)), np.abs(np.fft.rfft(recovered))
    assert np.abs(after - before).max() < 0.02 * before.max()


def test_the_polarity_of_a_recording_is_undone():
    reference = torch.from_numpy(vowel(200.0, RATE)[0]).float()
    recovered = without_phase(-reference, found_against(-reference, reference), RATE / N_FFT, RATE)
    assert agreement(recovered, reference) > 0.999


def test_a_recording_in_phase_stays_as_it_is():
    reference = torch.from_numpy(vowel(110.0, RATE)[0]).float()
    recovered = without_phase(reference, found_against(reference, reference), RATE / N_FFT, RATE)
    torch.testing.assert_close(recovered, reference, rtol=0, atol=1e-3)


def test_at_another_rate_the_phase_is_that_of_the_same_hertz():
    """Found at 22.05 kHz, undone at 44.1 kHz."""
    reference = torch.from_numpy(vowel(140.0, 2 * RATE)[0]).float()
    low = torch.from_numpy(vowel(140.0, RATE)[0]).float()
    recovered = without_phase(-reference, found_against(-low, low), RATE / N_FFT, 2 * RATE)
    assert agreement(recovered, reference) > 0.99
