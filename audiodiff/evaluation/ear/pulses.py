"""Pulses of the voice above 1 kHz: the modulation of band envelopes at F0, which sounds clear, or phasey."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

from audiodiff.evaluation.ear.frames import SignalFrames, Voiced, envelope, hann, low_pass, windows
from audiodiff.evaluation.spectral import Measured
from audiodiff.evaluation.waveform import Signal
from audiodiff.types import Hertz, Seconds

PULSE_BANDS: Mapping[str, tuple[float, float]] = {
    "pulse_depth_1k": (1000.0, 2000.0),
    "pulse_depth_2k": (2000.0, 4000.0),
    "pulse_depth_4k": (4000.0, 7000.0),
}
_CORRELATED = "pulse_depth_2k"
"""In this band the pulses are also compared one by one."""
_WINDOW: Seconds = 0.04
_SHAPE_CUTOFF = 600.0
_SOFT_SHARE = 30.0
"""Per cent of the voiced frames, those where the recording's band is softest, that are left out."""


def pulse_measures(reference: Signal, generated: Signal, sample_rate: Hertz, voiced: Voiced) -> Measured:
    """Change of the pulse depth in three bands, in dB, and the correlation of the pulses from 2 to 4 kHz."""
    measured: Measured = {}
    for name, band in PULSE_BANDS.items():
        if sample_rate < 2 * band[1]:
            reason = f"needs audio of at least {2 * band[1]:g} Hz, this has {sample_rate} Hz"
            measured |= dict.fromkeys([name, *(["pulse_envelope"] if name == _CORRELATED else [])], reason)
            continue
        theirs, ours = (envelope(signal, band, sample_rate) for signal in (reference, generated))
        measured[name] = depth_change(theirs, ours, sample_rate, voiced)
        if name == _CORRELATED:
            measured["pulse_envelope"] = shape_correlation(theirs, ours, sample_rate, voiced)
    return measured


def depth_change(reference: Signal, generated: Signal, sample_rate: Hertz, voiced: Voiced) -> float:
    """Modulation of the generated band's envelope at F0 over that of the recording's, in dB, in louder frames."""
    theirs, level = modulation(reference, sample_rate, voiced)
    ours, _ = modulation(generated, sample_rate, voiced)
    loud = level > np.percentile(level, _SOFT_SHARE)
    return float(20 * np.log10(ours[loud].mean() / theirs[loud].mean()))


def modulation(
    envelope: Signal, sample_rate: Hertz, voiced: Voiced
) -> tuple[Float64[np.ndarray, " frames"], Float64[np.ndarray, " frames"]]:
    """Amplitude at F0 over the mean, in 40 ms under a Hann window, and that mean's level."""
    size = int(_WINDOW * sample_rate)
    weighted = windows(envelope, voiced.centers, size) * hann(size)
    turns = np.exp(-2j * np.pi * np.outer(voiced.f0, np.arange(size)) / sample_rate)
    level = weighted.sum(axis=1)
    return 2 * np.abs((weighted * turns).sum(axis=1)) / (level + 1e-12), level


def shape_correlation(reference: Signal, generated: Signal, sample_rate: Hertz, voiced: Voiced) -> float:
    """Mean correlation of the two envelopes below 600 Hz within 40 ms: 1 where every pulse is in its place."""
    theirs, ours = (shapes(signal, sample_rate, voiced) for signal in (reference, generated))
    return float((theirs * ours).sum(axis=1).mean())


def shapes(envelope: Signal, sample_rate: Hertz, voiced: Voiced) -> SignalFrames:
    """Every frame of the smoothed envelope, without its mean and with unit norm."""
    frames = windows(low_pass(envelope, _SHAPE_CUTOFF, sample_rate), voiced.centers, int(_WINDOW * sample_rate))
    frames = frames - frames.mean(axis=1, keepdims=True)
    return frames / (np.linalg.norm(frames, axis=1, keepdims=True) + 1e-12)
