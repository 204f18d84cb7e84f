"""Group delay of single bins: where in time the phase puts their energy."""

import numpy as np
from jaxtyping import Float64

from audiodiff.evaluation.ear.frames import Voiced, windows
from audiodiff.evaluation.waveform import Signal
from audiodiff.types import Hertz, Seconds

_WINDOW: Seconds = 0.02
_BAND = (300.0, 6000.0)
_LONGEST = 10.0
"""Milliseconds: a window holds no longer delays; a bin without energy may show any."""
_FAINTEST = 0.03
"""Bins below this share of their frame's largest magnitude have no say."""

Bins = Float64[np.ndarray, "frames bins"]


def group_delay_deviation(reference: Signal, generated: Signal, sample_rate: Hertz, voiced: Voiced) -> float:
    """Mean absolute difference of the group delays in ms, 300 to 6000 Hz, weighted by the recording's magnitudes."""
    theirs, magnitudes = group_delays(reference, sample_rate, voiced)
    ours, _ = group_delays(generated, sample_rate, voiced)
    weights = magnitudes * (magnitudes > _FAINTEST * magnitudes.max(axis=1, keepdims=True))
    return float((weights * np.abs(ours - theirs).clip(max=_LONGEST)).sum() / weights.sum())


def group_delays(signal: Signal, sample_rate: Hertz, voiced: Voiced) -> tuple[Bins, Bins]:
    """Group delay in ms after the frame's middle, and magnitude, of every bin of the band.

    The delay is Re(X_t X*) / |X|^2 with X_t the transform of the frame times time (Auger and Flandrin 1995).
    """
    size = int(_WINDOW * sample_rate)
    milliseconds = 1000 * (np.arange(size) - (size - 1) / 2) / sample_rate
    frames = windows(signal, voiced.centers, size) * np.hanning(size)
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
    heard = (_BAND[0] <= frequencies) & (frequencies <= _BAND[1])
    spectrum, ramped = np.fft.rfft(frames)[:, heard], np.fft.rfft(frames * milliseconds)[:, heard]
    power = np.square(np.abs(spectrum)) + 1e-14
    return (ramped * spectrum.conj()).real / power, np.sqrt(power)
