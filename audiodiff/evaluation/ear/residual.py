"""The residual of linear prediction, which is near to the pulses of the glottis, and their sharpness."""

import numpy as np
from jaxtyping import Float64, Int64

from audiodiff.evaluation.ear.frames import SignalFrames, Voiced, hann, windows
from audiodiff.evaluation.waveform import Signal, resample
from audiodiff.source.linear_prediction import predictors
from audiodiff.types import Hertz, Seconds

RESIDUAL_RATE: Hertz = 16000
_ORDER = 18
RESIDUAL_WINDOW: Seconds = 0.03
_PRE_EMPHASIS = 0.97

Decibels = Float64[np.ndarray, " frames"]


def crest_change(reference: Signal, generated: Signal, sample_rate: Hertz, voiced: Voiced) -> float:
    """Mean crest of the generated residual minus the recording's, in dB: below 0, its pulses are less sharp."""
    ours, theirs = (crest(residual(signal, sample_rate, voiced.centers)) for signal in (generated, reference))
    return float((ours - theirs).mean())


def residual(signal: Signal, sample_rate: Hertz, centers: Int64[np.ndarray, " frames"]) -> SignalFrames:
    """Thirty milliseconds of the residual at 16 kHz around every center, without their mean.

    Centers count samples of `sample_rate`. The prediction, of order 18 by the autocorrelation method (Makhoul
    1975), is of the pre-emphasized frame under a Hann window; the frame itself is then filtered, without the window.
    """
    slow = resample(signal, sample_rate, RESIDUAL_RATE)
    emphasized = np.concatenate([[0.0], slow[1:] - _PRE_EMPHASIS * slow[:-1]])
    size, centers = round(RESIDUAL_WINDOW * RESIDUAL_RATE), (centers * RESIDUAL_RATE / sample_rate).astype(np.int64)
    coefficients = predictors(windows(emphasized, centers, size) * hann(size), _ORDER)
    predicted = sum(coefficients[:, k : k + 1] * windows(emphasized, centers - 1 - k, size) for k in range(_ORDER))
    errors = windows(emphasized, centers, size) - predicted
    return errors - errors.mean(axis=1, keepdims=True)


def crest(frames: SignalFrames) -> Decibels:
    """Peak over RMS of every frame, in dB: 10 for noise, 14.6 on average for the reader of LJSpeech."""
    power = np.square(frames)
    return 10 * np.log10(power.max(axis=1) / (power.mean(axis=1) + 1e-20))
