"""Voiced frames, windows, bands and envelopes: the parts of a recording that are compared."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from audiodiff.evaluation.pitch import Track
from audiodiff.evaluation.waveform import Signal
from audiodiff.types import Hertz, Samples, Seconds

VOICED_PERIOD: Seconds = 0.01
VOICED_RANGE = (60.0, 500.0)
_EDGE: Seconds = 0.05
"""Frames nearer to either end than this are left out, so that every window lies within the recording."""
_LEVEL_REACH: Seconds = 0.00907
_SOFTEST = 0.1
"""Voiced frames below this share of the loud ones' RMS are left out: there, the noise of the room is compared."""
HIGHEST_SHARE = 0.48
"""Of the sample rate: where a band ends at the latest."""

SignalFrames = Float64[np.ndarray, "frames size"]


@dataclass(frozen=True)
class Voiced:
    """The voiced frames of a recording: the sample in the middle of each, and its F0 in hertz."""

    centers: Int64[np.ndarray, " frames"]
    f0: Track

    def __len__(self) -> int:
        return len(self.centers)


def voiced_frames(reference: Signal, f0: Track, sample_rate: Hertz) -> Voiced:
    """Pick the frames of `f0`, one every 10 ms, that are voiced, away from the ends and not soft."""
    centers = (np.arange(len(f0)) * VOICED_PERIOD * sample_rate).astype(np.int64)
    level = local_rms(reference, centers, round(_LEVEL_REACH * sample_rate))
    inside = (centers > _EDGE * sample_rate) & (centers < len(reference) - _EDGE * sample_rate)
    chosen = (f0 > 0) & inside & (level > _SOFTEST * np.percentile(level, 95))
    return Voiced(centers[chosen], f0[chosen])


def local_rms(signal: Signal, centers: Int64[np.ndarray, " frames"], reach: Samples) -> Track:
    """The RMS within `reach` samples of every center, of what there is."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(signal))])
    first, last = ((centers + side).clip(0, len(signal)) for side in (-reach, reach))
    return np.sqrt((energy[last] - energy[first]).clip(min=0) / np.maximum(last - first, 1))


def windows(signal: Signal, centers: Int64[np.ndarray, " frames"], size: Samples) -> SignalFrames:
    """Cut `size` samples around every center; all windows have to lie within the signal."""
    return np.lib.stride_tricks.sliding_window_view(signal, size)[centers - size // 2]


def band_pass(signal: Signal, band: tuple[float, float], sample_rate: Hertz, order: int = 4) -> Signal:
    """Filter to a band in hertz, by a Butterworth filter run forwards and backwards, which delays nothing."""
    from scipy.signal import butter, sosfiltfilt

    low, high = band
    edges = (low, min(high, HIGHEST_SHARE * sample_rate))
    return sosfiltfilt(butter(order, edges, "bandpass", fs=sample_rate, output="sos"), signal)


def low_pass(signal: Signal, cutoff: float, sample_rate: Hertz, order: int = 3) -> Signal:
    """Filter to the frequencies below `cutoff` hertz, without delay."""
    from scipy.signal import butter, sosfiltfilt

    return sosfiltfilt(butter(order, cutoff, fs=sample_rate, output="sos"), signal)


def envelope(signal: Signal, band: tuple[float, float], sample_rate: Hertz, order: int = 4) -> Signal:
    """The magnitude of the analytic signal of a band."""
    from scipy.signal import hilbert

    return np.abs(hilbert(band_pass(signal, band, sample_rate, order)))


def hann(size: Samples) -> Float64[np.ndarray, " size"]:
    """A periodic Hann window."""
    return np.hanning(size + 1)[:-1]
