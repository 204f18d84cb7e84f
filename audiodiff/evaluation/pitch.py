"""Pitch: how far F0 is off, whether voicing was kept, and how periodic the voice is."""

import warnings
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from audiodiff.evaluation.alignment import Aligned
from audiodiff.evaluation.spectral import Measured
from audiodiff.evaluation.waveform import Signal
from audiodiff.types import Hertz, Seconds

F0_RANGE = (60.0, 600.0)
FRAME_PERIOD: Seconds = 0.005
GROSS_CENTS = 600
FEWEST_VOICED = 11
"""Frames by which a voice is measured, at least."""
PERIODICITY_WINDOW: Seconds = 0.04

Track = Float64[np.ndarray, " frames"]


def f0_measures(pair: Aligned) -> Measured:
    """F0 errors in cents, gross errors and voicing errors in percent, F1 of the voicing decision."""
    reference, generated = (f0_track(signal, pair.sample_rate) for signal in (pair.reference, pair.generated))
    expected, found = reference > 0, generated > 0
    return {
        **f0_errors(reference, generated),
        "vuv_error": 100 * float(np.mean(expected != found)),
        "vuv_f1": f1(expected, found),
    }


def periodicity_measures(pair: Aligned) -> Measured:
    """Root mean square difference of the periodicities."""
    reference, generated = (periodicity(signal, pair.sample_rate) for signal in (pair.reference, pair.generated))
    return {"periodicity": float(np.sqrt(np.mean(np.square(generated - reference))))}


def f0_track(
    signal: Signal, sample_rate: Hertz, span: tuple[float, float] = F0_RANGE, period: Seconds = FRAME_PERIOD
) -> Track:
    """F0 in hertz every 5 ms, 0 where unvoiced: WORLD's DIO refined by StoneMask (Morise et al. 2016)."""
    world = import_world()
    signal = np.ascontiguousarray(signal)
    lowest, highest = span
    f0, times = world.dio(signal, sample_rate, f0_floor=lowest, f0_ceil=highest, frame_period=1000 * period)
    return world.stonemask(signal, f0, times, sample_rate)


@cache
def import_world() -> Any:  # noqa: ANN401 (compiled, without types)
    """Import pyworld, once: it asks setuptools for its version, which warns of that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module("pyworld")


def f0_errors(reference: Track, generated: Track) -> Measured:
    """RMSE in cents over the frames voiced in both, the same without gross errors, and the percentage of those."""
    both = (reference > 0) & (generated > 0)
    if both.sum() < FEWEST_VOICED:
        reason = f"only {both.sum()} frames are voiced in both"
        return dict.fromkeys(("f0_cents", "f0_fine", "f0_gross"), reason)
    cents = 1200 * np.log2(generated[both] / reference[both])
    gross = np.abs(cents) > GROSS_CENTS
    fine = float(np.sqrt(np.mean(np.square(cents[~gross])))) if not gross.all() else "every frame is off by far"
    return {
        "f0_cents": float(np.sqrt(np.mean(np.square(cents)))),
        "f0_fine": fine,
        "f0_gross": 100 * float(np.mean(gross)),
    }


def f1(expected: Bool[np.ndarray, " frames"], found: Bool[np.ndarray, " frames"]) -> float | str:
    """Harmonic mean of precision and recall."""
    either = int(expected.sum() + found.sum())
    return 2 * int((expected & found).sum()) / either if either else "no frame is voiced"


def periodicity(signal: Signal, sample_rate: Hertz) -> Track:
    """The highest normalised autocorrelation at the lags of the F0 range, every 5 ms, from 0 to 1.

    The autocorrelation of a Hann-windowed frame over that of the window (Boersma 1993, eq. 9). Papers that
    use CREPE's confidence print other numbers.
    """
    size, hop = round(PERIODICITY_WINDOW * sample_rate), round(FRAME_PERIOD * sample_rate)
    window = np.hanning(size + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(signal, size // 2), size)[::hop]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window
    lags = slice(round(sample_rate / F0_RANGE[1]), round(sample_rate / F0_RANGE[0]) + 1)
    products = autocorrelation(frames)
    own = autocorrelation(window[None])[0]
    ratio = products[:, lags] / (products[:, :1] + 1e-9) / (own[lags] / own[0])
    return ratio.max(axis=1).clip(0, 1)


def autocorrelation(frames: Float64[np.ndarray, "frames size"]) -> Float64[np.ndarray, "frames lags"]:
    """Autocorrelation of every frame, without wrapping round."""
    spectrum = np.fft.rfft(frames, 2 * frames.shape[1], axis=1)
    return np.fft.irfft(np.square(np.abs(spectrum)), axis=1)[:, : frames.shape[1]]
