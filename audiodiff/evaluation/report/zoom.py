"""Thirty milliseconds of a voice: waveform and LP residual, the recording above what was generated."""

import numpy as np
from jaxtyping import Float64

from audiodiff.evaluation.ear.frames import VOICED_PERIOD, VOICED_RANGE, local_rms, voiced_frames, windows
from audiodiff.evaluation.ear.pulse_alignment import moved_onto
from audiodiff.evaluation.ear.residual import RESIDUAL_WINDOW, crest, residual
from audiodiff.evaluation.pitch import f0_track
from audiodiff.evaluation.report.pictures import DPI, SIZE_INCHES, png
from audiodiff.evaluation.waveform import Signal
from audiodiff.types import Hertz, Samples

_COLORS = ("#444444", "#31688e")
"""Of the recording and of what was generated."""

Excerpt = Float64[np.ndarray, " samples"]


def zoom_picture(reference: Signal, generated: Signal, sample_rate: Hertz) -> str | None:
    """A data URI of the picture of the recording's clearest frame; None where nothing is voiced."""
    from matplotlib.figure import Figure

    center = clearest_voiced(reference, sample_rate)
    if center is None:
        return None
    generated = moved_onto(reference, generated, sample_rate)
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey="col")
    for row, (name, signal) in enumerate((("recording", reference), ("generated", generated))):
        for column, (kind, excerpt) in enumerate(excerpts(signal, sample_rate, center).items()):
            panel = axes[row, column]
            panel.plot(np.linspace(0, 1000 * RESIDUAL_WINDOW, len(excerpt)), excerpt, linewidth=0.8, color=_COLORS[row])
            panel.set_title(f"{kind}, {name}", fontsize=7, pad=2)
            panel.tick_params(labelsize=6)
    for panel in axes[1]:
        panel.set_xlabel("ms", fontsize=7)
    return png(figure)


def excerpts(signal: Signal, sample_rate: Hertz, center: Samples) -> dict[str, Excerpt]:
    """The waveform and its residual (at 16 kHz) around a sample."""
    centers = np.array([center])
    return {
        "waveform": windows(signal, centers, round(RESIDUAL_WINDOW * sample_rate))[0],
        "LP residual": residual(signal, sample_rate, centers)[0],
    }


def clearest_voiced(reference: Signal, sample_rate: Hertz) -> Samples | None:
    """The middle of the frame with the sharpest pulses, among the louder half of the voiced ones."""
    f0 = f0_track(reference, sample_rate, VOICED_RANGE, VOICED_PERIOD)
    centers = voiced_frames(reference, f0, sample_rate).centers
    if not len(centers):
        return None
    level = local_rms(reference, centers, round(RESIDUAL_WINDOW * sample_rate / 2))
    loud = centers[level >= np.median(level)]
    return int(loud[np.argmax(crest(residual(reference, sample_rate, loud)))])
