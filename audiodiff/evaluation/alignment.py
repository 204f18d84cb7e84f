"""Bring a generated waveform and its reference onto the same samples, whether or not the phases were kept."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from audiodiff.evaluation.waveform import Signal
from audiodiff.types import Hertz, Samples, Seconds

MAX_LAG: Seconds = 0.05
TRUSTED_CORRELATION = 0.7
ENVELOPE_WINDOW: Seconds = 0.012
ENVELOPE_HOP: Seconds = 0.001
ENVELOPE_BANDS = 24
ENVELOPE_RANGE = (50.0, 8000.0)

Envelopes = Float64[np.ndarray, "frames bands"]


@dataclass(frozen=True)
class Aligned:
    """Two waveforms of equal length at one sample rate; `lag` samples were taken off the generated one's start.

    `correlation` is the peak of the normalised waveform correlation; its sign is the polarity. `by` says
    whether that peak could be trusted or the lag comes from band envelopes.
    """

    reference: Signal
    generated: Signal
    sample_rate: Hertz
    lag: Samples
    correlation: float
    by: Literal["waveform", "envelopes"]


def align(reference: Signal, generated: Signal, sample_rate: Hertz, max_lag: Seconds = MAX_LAG) -> Aligned:
    """Find the lag within ±`max_lag` and cut both waveforms to what they share.

    The waveforms' own correlation decides where its peak reaches 0.7. Diffusion vocoders do not keep the phase
    of the recording: their correlation is low and may peak whole pitch periods away from the true lag, so
    below 0.7 the correlation of band envelopes decides, to about a tenth of a millisecond.
    """
    lag = waveform_lag(reference, generated, round(max_lag * sample_rate))
    correlation = normalised_correlation(*overlap(reference, generated, lag))
    by = "waveform"
    if abs(correlation) < TRUSTED_CORRELATION:
        lag = envelope_lag(reference, generated, sample_rate, max_lag)
        by = "envelopes"
    reference, generated = overlap(reference, generated, lag)
    return Aligned(reference, generated, sample_rate, lag, correlation, by)


def overlap(reference: Signal, generated: Signal, lag: Samples) -> tuple[Signal, Signal]:
    """The part that both have in common when the generated one is late by `lag` samples."""
    reference, generated = reference[max(-lag, 0) :], generated[max(lag, 0) :]
    n_samples = min(len(reference), len(generated))
    return reference[:n_samples], generated[:n_samples]


def normalised_correlation(first: Signal, second: Signal) -> float:
    """The cosine between two waveforms."""
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second) + 1e-12))


def waveform_lag(reference: Signal, generated: Signal, max_lag: Samples) -> Samples:
    """The lag at which the waveforms correlate most, in either polarity."""
    from scipy.signal import correlate

    products = correlate(generated, reference, mode="full", method="fft")
    lags = np.arange(len(products)) - (len(reference) - 1)
    near = np.abs(lags) <= max_lag
    return int(lags[near][np.argmax(np.abs(products[near]))])


def envelope_lag(reference: Signal, generated: Signal, sample_rate: Hertz, max_lag: Seconds) -> Samples:
    """The lag at which the log energies of 24 mel bands, each without its mean, correlate most."""
    hop = max(1, round(ENVELOPE_HOP * sample_rate))
    size = round(max_lag / ENVELOPE_HOP)
    first, second = band_envelopes(reference, sample_rate, hop), band_envelopes(generated, sample_rate, hop)
    n_fft = 1 << (len(first) + len(second) - 1).bit_length()
    spectrum = np.fft.rfft(second, n_fft, axis=0) * np.fft.rfft(first, n_fft, axis=0).conj()
    products = np.fft.irfft(spectrum.sum(axis=1), n_fft)[np.arange(-size, size + 1)]
    peak = int(np.argmax(products))
    return round((peak - size + parabolic_offset(products, peak)) * hop)


def band_envelopes(signal: Signal, sample_rate: Hertz, hop: Samples) -> Envelopes:
    """Log mel magnitudes in short frames, centred on zero in every band."""
    from librosa.filters import mel

    window = int(ENVELOPE_WINDOW * sample_rate)
    lowest, highest = ENVELOPE_RANGE
    filters = mel(sr=sample_rate, n_fft=window, n_mels=ENVELOPE_BANDS, fmin=lowest, fmax=min(highest, sample_rate / 2))
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(signal, window), window)[::hop]
    levels = np.log(np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) @ filters.T + 1e-3)
    return levels - levels.mean(axis=0)


def parabolic_offset(values: Float64[np.ndarray, " lags"], peak: int) -> float:
    """Offset of the highest point of the parabola through a peak and its two neighbours, relative to the peak."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, at, after = values[peak - 1 : peak + 2]
    curvature = before - 2 * at + after
    return float((before - after) / (2 * curvature)) if curvature < 0 else 0.0
