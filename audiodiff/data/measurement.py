"""Measurements on a recording that take no knowledge of what it should be."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from audiodiff.audio.decoding import decode
from audiodiff.types import Hertz, Seconds

_Signal = NDArray[np.float32]

_SILENCE = -60.0
"""dBFS below which a stretch of `STRETCH` seconds counts as silence."""
STRETCH: Seconds = 0.05
PLATEAU = 3
"""So many samples in a row at the recording's own extreme are a clipped crest."""
CRESTS = 3
_WINDOW: Seconds = 0.016
FALL = 28.0
STEEP = 0.05
LOWEST: Hertz = 1500
"""A spectrum that ends below is a dull voice's own: nobody resamples or codes so low."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Levels are in dBFS (0: full scale), `dc` in full scale, `silence` and `clipped` are shares of the time."""

    duration: Seconds
    sample_rate: Hertz
    channels: int
    peak: float
    rms: float
    dc: float
    silence: float
    clipped: float
    bandwidth: Hertz
    non_finite: int
    content: str
    """A hash of the rate and the decoded samples, whatever the file format."""


def measure(path: Path) -> Measurement:
    """Decode a recording and measure it, its channels averaged; raises `AudioError` where it cannot be read."""
    samples, rate = decode(path)
    finite = np.isfinite(samples)
    wave = np.where(finite, samples, 0).mean(axis=1)
    return Measurement(
        duration=round(len(wave) / rate, 4),
        sample_rate=rate,
        channels=samples.shape[1],
        peak=decibels(np.abs(wave).max()),
        rms=decibels(np.sqrt(np.mean(wave**2))),
        dc=round(float(wave.mean()), 5),
        silence=silent_share(wave, rate),
        clipped=clipped_share(wave),
        bandwidth=bandwidth(wave, rate),
        non_finite=int((~finite).sum()),
        content=hashlib.sha256(f"{rate} ".encode() + samples.tobytes()).hexdigest(),
    )


def decibels(amplitude: float) -> float:
    """20 log10, not below -120."""
    return round(20 * float(np.log10(max(amplitude, 1e-6))), 2)


def silent_share(wave: _Signal, sample_rate: Hertz) -> float:
    """The share of stretches whose RMS, without their mean, lies below `_SILENCE`."""
    length = min(len(wave), max(1, int(STRETCH * sample_rate)))
    stretches = wave[: len(wave) // length * length].reshape(-1, length)
    return round(float((stretches.std(axis=1) < 10 ** (_SILENCE / 20)).mean()), 4)


def clipped_share(wave: _Signal) -> float:
    """The share of samples on plateaus: `PLATEAU` or more in a row at the highest or the lowest value there is.

    Fewer than `CRESTS` plateaus are chance.
    """
    if np.ptp(wave) == 0:
        return 0.0
    plateaus: list[int] = []
    for extreme in (wave.max(), wave.min()):
        edges = np.diff(np.concatenate([[0], np.abs(wave - extreme) <= 1e-4 * np.abs(extreme), [0]]).astype(np.int8))
        runs = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
        plateaus += runs[runs >= PLATEAU].tolist()
    return round(sum(plateaus) / len(wave), 6) if len(plateaus) >= CRESTS else 0.0


def bandwidth(wave: _Signal, sample_rate: Hertz) -> Hertz:
    """The frequency above which the recording falls into a hole that reaches up to half its sample rate.

    The average spectrum must fall by `FALL` dB within `STEEP` of the band, to a floor where it stays: so resampling
    and coding end a band, and hardly ever nature. Half the sample rate where there is no such hole.
    """
    spectrum = average_spectrum(wave, 1 << round(np.log2(sample_rate * _WINDOW)))
    smooth = np.convolve(np.pad(spectrum, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    n_bins = len(smooth)
    floor = np.median(smooth[int(0.95 * n_bins) :])
    above = np.flatnonzero(smooth > floor + 8)
    edge = int(above[-1]) if len(above) else 0
    if not LOWEST * 2 / sample_rate < edge / n_bins < 0.95:
        return sample_rate // 2
    fall = smooth[max(0, edge - max(2, round(STEEP * n_bins))) : edge + 1].max() - floor
    return round(edge / (n_bins - 1) * sample_rate / 2) if fall > FALL else sample_rate // 2


def average_spectrum(wave: _Signal, n_fft: int) -> Float[np.ndarray, " bins"]:
    """The mean power of overlapping windows, in dB."""
    padded = np.pad(wave - wave.mean(), (0, max(0, n_fft - len(wave))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[:: n_fft // 2]
    power = np.zeros(n_fft // 2 + 1)
    for start in range(0, len(windows), 256):
        power += (np.abs(np.fft.rfft(windows[start : start + 256] * np.hanning(n_fft))) ** 2).sum(axis=0)
    return 10 * np.log10(power / len(windows) + 1e-12)
