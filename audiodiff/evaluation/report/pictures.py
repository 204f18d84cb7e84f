"""Spectrograms and waveforms as PNG, sound as FLAC, all as data URIs."""

from base64 import b64encode
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from audiodiff.evaluation.waveform import Signal
from audiodiff.types import Hertz, Samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_FFT: Samples = 1024
HOP: Samples = 256
FLOOR_DB, DIFFERENCE_DB = -100.0, 30.0
SIZE_INCHES, DPI = (5.0, 2.3), 100
_COLUMNS = 900

_Decibels = Float64[np.ndarray, "bins frames"]


def decibels(signal: Signal) -> _Decibels:
    """STFT magnitudes in dB relative to a full-scale sine, at least -100."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(signal, N_FFT // 2), N_FFT)[::HOP]
    window = np.hanning(N_FFT + 1)[:-1]
    magnitudes = np.abs(np.fft.rfft(frames * window, axis=1)).T / (window.sum() / 2)
    return 20 * np.log10(np.maximum(magnitudes, 10 ** (FLOOR_DB / 20)))


def spectrogram_picture(signal: Signal, sample_rate: Hertz) -> str:
    """The whole band, up to half the sample rate."""
    return picture_of(decibels(signal), sample_rate, "magma", (FLOOR_DB, 0.0), "dB")


def difference_picture(reference: Signal, generated: Signal, sample_rate: Hertz) -> str:
    """Generated minus reference: red is too loud, blue too quiet."""
    difference = decibels(generated) - decibels(reference)
    return picture_of(difference, sample_rate, "RdBu_r", (-DIFFERENCE_DB, DIFFERENCE_DB), "dB")


def waveform_picture(signal: Signal, sample_rate: Hertz, peak: float) -> str:
    """The lowest and highest sample of every column; the axis reaches a little beyond `peak`."""
    figure, axes = empty_figure(height=0.5)
    edges = np.unique(np.linspace(0, len(signal), _COLUMNS + 1).astype(int)[:-1])
    lowest, highest = np.minimum.reduceat(signal, edges), np.maximum.reduceat(signal, edges)
    axes.fill_between(edges / sample_rate, lowest, highest, linewidth=0.5, color="#31688e", edgecolor="#31688e")
    axes.set_xlim(0, len(signal) / sample_rate)
    axes.set_ylim(-1.1 * peak, 1.1 * peak)
    axes.set_xlabel("s")
    return png(figure)


def picture_of(values: _Decibels, sample_rate: Hertz, colors: str, span: tuple[float, float], unit: str) -> str:
    """A picture with time and frequency axes and a color bar."""
    figure, axes = empty_figure()
    seconds, kilohertz = values.shape[1] * HOP / sample_rate, sample_rate / 2000
    image = axes.imshow(
        values,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, kilohertz),
        cmap=colors,
        vmin=span[0],
        vmax=span[1],
        interpolation="nearest",
    )
    axes.set_xlabel("s")
    axes.set_ylabel("kHz")
    figure.colorbar(image, ax=axes, pad=0.02, label=unit)
    return png(figure)


def empty_figure(height: float = 1.0) -> "tuple[Figure, Axes]":
    """A figure of the report's size with one pair of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIZE_INCHES[0], SIZE_INCHES[1] * height), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.tick_params(labelsize=7)
    return figure, axes


def png(figure: "Figure") -> str:
    """A figure as a data URI."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return data_uri("image/png", buffer.getvalue())


def flac(signal: Signal, sample_rate: Hertz) -> str:
    """A waveform as a data URI that browsers play, 16 bits."""
    import soundfile

    buffer = BytesIO()
    soundfile.write(buffer, signal.clip(-1, 1), sample_rate, format="FLAC", subtype="PCM_16")
    return data_uri("audio/flac", buffer.getvalue())


def data_uri(media_type: str, content: bytes) -> str:
    """Content that a page carries in itself."""
    return f"data:{media_type};base64,{b64encode(content).decode('ascii')}"
