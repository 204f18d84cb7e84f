"""Many short clips in one picture of spectrograms."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.types import Hertz, Seconds, Wave

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WINDOW: Seconds = 0.032
RANGE_DB = 70.0
_COLUMNS = 8
TILE_INCHES = (1.3, 1.1)


def spectrogram(wave: Float[Tensor, " samples"], sample_rate: Hertz) -> Float[Tensor, "bins frames"]:
    """STFT magnitudes in dB relative to a full-scale sine, in windows of 32 ms."""
    n_fft = 2 * round(_WINDOW * sample_rate / 2)
    window = torch.hann_window(n_fft)
    stft = torch.stft(wave.float(), n_fft, n_fft // 8, window=window, return_complex=True)
    return 20 * (stft.abs() * 2 / window.sum()).clamp_min(1e-7).log10()


def contact_sheet(
    waves: Wave | Sequence[Tensor], sample_rate: Hertz, titles: Sequence[str], columns: int = _COLUMNS
) -> "Figure":
    """One tile for each clip, row by row; all share one scale, 70 dB below the loudest bin."""
    from matplotlib.figure import Figure

    pictures = [spectrogram(wave, sample_rate) for wave in waves]
    top = max(picture.max().item() for picture in pictures)
    columns = min(columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    size = (columns * TILE_INCHES[0], rows * TILE_INCHES[1])
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    for index, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.imshow(picture.numpy(), origin="lower", aspect="auto", cmap="magma", vmin=top - RANGE_DB, vmax=top)
        axes.set_title(title, fontsize=6, pad=2)
        axes.set_axis_off()
    return figure
