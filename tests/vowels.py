"""Synthetic vowels whose glottal closure instants are known to a fraction of a sample."""

import numpy as np
import torch
from scipy.signal import lfilter

from audiodiff.source.pulses import pulse_train

FORMANTS = {"a": (730, 1090, 2440), "i": (270, 2290, 3010), "e": (530, 1840, 2480)}
"""Hertz (Peterson & Barney 1952, men); above them one follows every kilohertz."""
MARGIN = 0.1
"""Seconds of silence before and after the vowel, but for the noise floor."""


def vowel(f0, sample_rate, formants="a", seconds=1.0, noise=1e-4, seed=0):
    """A vowel excited by band-limited pulses at f0 (a number, or one for every sample), with the pulses' instants."""
    n = int(seconds * sample_rate)
    phase = np.cumsum(np.broadcast_to(f0, n)) / sample_rate
    instants = np.interp(np.arange(1, int(phase[-1])), phase, np.arange(n))
    instants = instants[(instants > MARGIN * sample_rate) & (instants < n - MARGIN * sample_rate)]
    wave = pulse_train(torch.from_numpy(instants), torch.ones(len(instants)), n).double().numpy()
    wave = through_formants(wave, sample_rate, formants)
    hiss = np.random.default_rng(seed).standard_normal(n)
    return 0.5 * wave / np.abs(wave).max() + noise * hiss, instants


def through_formants(wave, sample_rate, formants):
    """A cascade of resonators with poles up to half the sample rate, so that the spectrum does not fall off."""
    first = FORMANTS[formants]
    for hertz in (*first, *range(first[-1] + 1000, int(0.45 * sample_rate), 1000)):
        radius = np.exp(-np.pi * (60 + hertz / 20) / sample_rate)
        angle = 2 * np.pi * hertz / sample_rate
        wave = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], wave)
    return wave


def vibrato(f0, sample_rate, seconds=1.0, depth=0.03):
    """f0 of every sample, wavering five times a second."""
    return f0 * (1 + depth * np.sin(2 * np.pi * 5 * np.arange(int(seconds * sample_rate)) / sample_rate))
