"""Move a generated waveform onto the samples of its recording, to a fraction of a pitch pulse's width."""

import numpy as np
from jaxtyping import Float64

from audiodiff.evaluation.ear.frames import HIGHEST_SHARE, band_pass, envelope
from audiodiff.evaluation.waveform import Signal, rms
from audiodiff.types import Hertz, Samples, Seconds

_LONGEST_LAG: Seconds = 0.06
_SAME_WAVE = 0.9
"""From this correlation on the waveforms are one recording; below it, only their envelopes are compared."""
_BANDS = ((300.0, 1000.0), (1000.0, 3000.0), (3000.0, 7000.0))
_MODULATION = (20.0, 600.0)
"""Slower changes of an envelope are broad, faster ones are not pulses."""


def moved_onto(reference: Signal, generated: Signal, sample_rate: Hertz) -> Signal:
    """The generated waveform, as long and as loud as its recording, at the lag where the two fit best.

    Within ±60 ms: by the waveforms where they correlate by .9 in either polarity, which is then undone, and else
    by the pulses in the envelopes of three bands, whose polarity nobody can hear.
    """
    reach = int(_LONGEST_LAG * sample_rate)
    products = lagged_products(reference, generated, reach)
    peak = int(np.argmax(np.abs(products)))
    if abs(products[peak]) / (np.linalg.norm(reference) * np.linalg.norm(generated) + 1e-12) >= _SAME_WAVE:
        moved = np.sign(products[peak]) * delayed(generated, reach - peak, len(reference))
    else:
        fit = pulse_fit(reference, generated, sample_rate, reach)
        moved = delayed(generated, reach - int(np.argmax(fit)), len(reference))
    return moved * (rms(reference) / rms(moved))


def pulse_fit(reference: Signal, generated: Signal, sample_rate: Hertz, reach: Samples) -> Float64[np.ndarray, " lags"]:
    """The correlation of band envelopes at every lag, summed over the bands."""
    fit = np.zeros(2 * reach + 1)
    for band in (band for band in _BANDS if band[0] < HIGHEST_SHARE * sample_rate):
        theirs, ours = (
            band_pass(np.sqrt(envelope(signal, band, sample_rate, order=2)), _MODULATION, sample_rate, order=2)
            for signal in (reference, generated)
        )
        fit += lagged_products(theirs, ours, reach) / (np.linalg.norm(theirs) * np.linalg.norm(ours) + 1e-10)
    return fit


def lagged_products(reference: Signal, generated: Signal, reach: Samples) -> Float64[np.ndarray, " lags"]:
    """The inner product with the generated waveform late by -`reach` … `reach` samples."""
    from scipy.signal import correlate

    products = correlate(generated, reference, mode="full", method="fft")
    origin = len(reference) - 1
    return np.pad(products, reach)[origin : origin + 2 * reach + 1]


def delayed(signal: Signal, samples: Samples, length: Samples) -> Signal:
    """The signal `samples` later (or earlier), with zeros where it says nothing, cut to `length`."""
    signal = np.pad(signal, (samples, 0)) if samples > 0 else signal[-samples:]
    return np.pad(signal, (0, max(0, length - len(signal))))[:length]
