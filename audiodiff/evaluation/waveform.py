"""Waveforms for measuring: one channel of float64 numpy, which is what the metric libraries take."""

from math import gcd

import numpy as np
from jaxtyping import Float64

from audiodiff.types import Hertz

Signal = Float64[np.ndarray, " samples"]


def resample(signal: Signal, from_rate: Hertz, to_rate: Hertz) -> Signal:
    """Change the sample rate with scipy's polyphase filter, as the published scores were measured.

    (`audiodiff.audio.resample` has the better filter; with it PESQ differs by up to 0.005.)
    """
    from scipy.signal import resample_poly

    if from_rate == to_rate:
        return signal
    divisor = gcd(from_rate, to_rate)
    return resample_poly(signal, to_rate // divisor, from_rate // divisor)


def rms(signal: Signal) -> float:
    """Root mean square, kept above zero so that it can be divided by."""
    return float(np.sqrt(np.mean(np.square(signal)))) + 1e-12
