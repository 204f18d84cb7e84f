"""Hoarseness: the periodicity of the band from 2 to 5 kHz where the recording is periodic."""

import numpy as np
from jaxtyping import Float64

from audiodiff.evaluation.ear.frames import band_pass
from audiodiff.evaluation.pitch import Track, autocorrelation
from audiodiff.evaluation.waveform import Signal, resample
from audiodiff.types import Hertz, Samples

_SAMPLE_RATE: Hertz = 16000
_BAND = (2000.0, 5000.0)
_WINDOW: Samples = 1024
_HOP: Samples = 160
_LAGS = slice(32, 267)
"""60 to 500 Hz."""
_VOICED = 0.7
_SOFTEST, _SOFTEST_BAND = 0.05, 0.1
"""Shares of the loud frames' RMS, of the whole and of the band, below which a frame is left out."""


def periodicity_change(reference: Signal, generated: Signal, sample_rate: Hertz) -> float | str:
    """Mean periodicity of the generated band minus that of the recording's, both between 0 and 1."""
    theirs, ours = (resample(signal, sample_rate, _SAMPLE_RATE) for signal in (reference, generated))
    whole, level = periodicity_and_level(theirs)
    high, high_level = periodicity_and_level(band_pass(theirs, _BAND, _SAMPLE_RATE))
    generated_high, _ = periodicity_and_level(band_pass(ours, _BAND, _SAMPLE_RATE))
    chosen = (whole > _VOICED) & audible(level, _SOFTEST) & audible(high_level, _SOFTEST_BAND)
    return float((generated_high - high)[chosen].mean()) if chosen.any() else "no frame is periodic"


def periodicity_and_level(signal: Signal) -> tuple[Track, Track]:
    """The highest normalised autocorrelation (Boersma 1993, eq. 9) every 10 ms, and the RMS of the windowed frame."""
    window = np.hanning(_WINDOW)
    frames = np.lib.stride_tricks.sliding_window_view(signal, _WINDOW)[:-1:_HOP] * window
    products, own = autocorrelation(frames), autocorrelation(window[None])[0]
    ratio = products[:, _LAGS] / (products[:, :1] + 1e-9) / (own[_LAGS] / own[0])
    return ratio.max(axis=1).clip(0, 1), np.sqrt(np.square(frames).mean(axis=1))


def audible(level: Float64[np.ndarray, " frames"], share: float) -> np.ndarray:
    """The frames that are not far softer than the loud ones."""
    return level > share * np.percentile(level, 95)
