"""Sound to look at: waveforms and spectrograms as HTML that carries its pictures in itself."""

from html import escape

import numpy as np

from audiodiff.audio.io import FULL_SCALE
from audiodiff.demo.takes import Pcm
from audiodiff.evaluation.report.pictures import difference_picture, spectrogram_picture, waveform_picture
from audiodiff.evaluation.waveform import Signal
from audiodiff.types import Hertz

_QUIETEST = 1e-3
"""The axis of silence."""


def signal(wave: Pcm) -> Signal:
    """16-bit samples in [-1, 1)."""
    return wave.astype(np.float64) / FULL_SCALE


def output_pictures(output: Pcm, sample_rate: Hertz, title: str = "output") -> str:
    """The waveform and the spectrogram of one sound."""
    wave = signal(output)
    return row(title, waveform_picture(wave, sample_rate, peak_of(wave)), spectrogram_picture(wave, sample_rate))


def comparison_pictures(reference: Pcm, output: Pcm, sample_rate: Hertz) -> str:
    """Reference, output and difference, one row each: waveforms on one axis, spectrograms in decibels."""
    wanted, got = signal(reference), signal(output)
    peak = peak_of(wanted, got)
    return (
        row("reference", waveform_picture(wanted, sample_rate, peak), spectrogram_picture(wanted, sample_rate))
        + row("output", waveform_picture(got, sample_rate, peak), spectrogram_picture(got, sample_rate))
        + row(
            "difference (output - reference)",
            waveform_picture(got - wanted, sample_rate, peak_of(wanted, got, got - wanted)),
            difference_picture(wanted, got, sample_rate),
        )
    )


def row(title: str, *pictures: str) -> str:
    """Pictures side by side under a title."""
    images = "".join(f'<img alt="{escape(title)}" src="{picture}">' for picture in pictures)
    return f'<figure class="sound"><figcaption>{escape(title)}</figcaption><div>{images}</div></figure>'


def peak_of(*waves: Signal) -> float:
    """The loudest sample of all."""
    return max(_QUIETEST, *(float(np.abs(wave).max()) for wave in waves))
