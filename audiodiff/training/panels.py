"""Pictures of spectra with axes, the recording's above what was generated."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from audiodiff.types import Seconds

_SIZE, _DPI, _FONT = (6.4, 4.4), 100, 13


def compare(generated: Tensor, recorded: Tensor, *, frame: Seconds, top: float, label: str) -> Tensor:
    """Two [bands, frames] log spectra as one [height, width, 3] picture on the recording's scale, low bands down.

    A frame lasts `frame` seconds; the vertical axis ends at `top` and is called `label`.
    """
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = list(figure.subplots(2, 1, sharex=True, sharey=True))
    low, high = float(recorded.amin()), float(recorded.amax())
    _draw(axes, (recorded, generated), (low, max(high, low + 1e-5)), frame, top)
    for axis, title in zip(axes, ("recorded", "generated"), strict=True):
        axis.set_title(title, fontsize=_FONT, loc="left")
        axis.set_ylabel(label, fontsize=_FONT)
        axis.tick_params(labelsize=_FONT)
    axes[1].set_xlabel("seconds", fontsize=_FONT)
    canvas.draw()
    return torch.from_numpy(np.asarray(canvas.buffer_rgba())[..., :3].copy()).float() / 255


def _draw(
    axes: Sequence[Axes], spectra: tuple[Tensor, Tensor], span: tuple[float, float], frame: Seconds, top: float
) -> None:
    for axis, spectrum in zip(axes, spectra, strict=True):
        extent = (0, spectrum.shape[-1] * frame, 0, top)
        image = spectrum.float().cpu().numpy()
        axis.imshow(image, origin="lower", aspect="auto", cmap="magma", vmin=span[0], vmax=span[1], extent=extent)
