"""Recordings made worse in known ways: what every metric must put in the right order."""

import numpy as np
import torch
from scipy.signal import firwin

from audiodiff.audio.stft import Stft
from audiodiff.evaluation.pitch import import_world
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.mel.filterbank import mel_filterbank
from audiodiff.phase.griffin_lim import griffin_lim
from tests.evaluation.conftest import SAMPLE_RATE

pyworld = import_world()


def delayed_by_half_a_sample(signal):
    """A shift that no ear and no magnitude can tell."""
    spectrum = np.fft.rfft(signal, 2 * len(signal))
    turns = np.exp(-1j * np.pi * np.arange(len(spectrum)) / (2 * len(signal)))
    return np.fft.irfft(spectrum * turns)[: len(signal)]


def low_passed(signal, cutoff):
    """Without what lies above `cutoff` hertz, and without delay."""
    taps = firwin(255, cutoff, fs=SAMPLE_RATE)
    return np.convolve(signal, taps, mode="same")


def with_noise(signal, decibels):
    """With white noise so many dB below the signal's RMS."""
    noise = np.random.default_rng(0).standard_normal(len(signal))
    return signal + noise * np.sqrt(np.mean(signal**2)) * 10 ** (-decibels / 20)


def with_lost_phases(signal):
    """Sixty iterations of Griffin-Lim on the recording's own magnitudes."""
    stft = Stft(convention("hifigan_22k"))
    n_samples = len(signal) // 256 * 256
    magnitudes = stft(torch.from_numpy(signal[:n_samples]).float()[None]).abs()
    return griffin_lim(magnitudes, random_phases(magnitudes), stft, iterations=60)[0].double().numpy()


def inverted_from_the_mel(signal):
    """Griffin-Lim from non-negative magnitudes that explain the 80-band mel: nothing above 8 kHz, phasey."""
    spec = convention("hifigan_22k")
    n_samples = len(signal) // spec.hop_length * spec.hop_length
    bands = MelSpectrogram(spec)(torch.from_numpy(signal[:n_samples]).float()[None]).exp()
    filters = mel_filterbank(spec)
    magnitudes = filters.T @ bands
    for _ in range(30):
        magnitudes = magnitudes * (filters.T @ bands) / (filters.T @ (filters @ magnitudes) + 1e-9)
    stft = Stft(spec)
    return griffin_lim(magnitudes, random_phases(magnitudes), stft, iterations=30)[0].double().numpy()


def buzzing(signal):
    """A vocoder of one pulse per period and no noise: its voice is clearer than any throat's."""
    f0, times = pyworld.harvest(signal, SAMPLE_RATE)
    envelope = pyworld.cheaptrick(signal, f0, times, SAMPLE_RATE)
    aperiodicity = pyworld.d4c(signal, f0, times, SAMPLE_RATE)
    pulses_alone = np.where(f0[:, None] > 0, 1e-6, aperiodicity)
    return pyworld.synthesize(f0, envelope, pulses_alone, SAMPLE_RATE)[: len(signal)]


def another_speaker(signal):
    """The same words by a voice with a lower pitch and a longer vocal tract."""
    f0, times = pyworld.harvest(signal, SAMPLE_RATE)
    envelope = pyworld.cheaptrick(signal, f0, times, SAMPLE_RATE)
    aperiodicity = pyworld.d4c(signal, f0, times, SAMPLE_RATE)
    bins = np.arange(envelope.shape[1])
    longer = np.stack([np.interp(bins * 1.2, bins, frame) for frame in envelope])
    return pyworld.synthesize(0.6 * f0, longer, aperiodicity, SAMPLE_RATE)[: len(signal)]


def random_phases(magnitudes):
    """A phase for every bin, as a complex number of magnitude 1."""
    return torch.polar(torch.ones_like(magnitudes), 6.28 * torch.rand(magnitudes.shape, generator=seeded()))


def seeded():
    """The same random numbers every time."""
    return torch.Generator().manual_seed(0)


CONTROLS = {
    "itself": lambda signal: signal,
    "upside down": lambda signal: -signal,
    "half a sample late": delayed_by_half_a_sample,
    "noise at -60 dB": lambda signal: with_noise(signal, 60),
    "noise at -50 dB": lambda signal: with_noise(signal, 50),
    "noise at -40 dB": lambda signal: with_noise(signal, 40),
    "noise at -20 dB": lambda signal: with_noise(signal, 20),
    "low-passed at 8 kHz": lambda signal: low_passed(signal, 8000),
    "low-passed at 3 kHz": lambda signal: low_passed(signal, 3000),
    "Griffin-Lim": inverted_from_the_mel,
    "lost phases": with_lost_phases,
    "buzzing": buzzing,
    "another speaker": another_speaker,
}
