"""The mean of a `MelInversion` prior, for a mel that comes in pieces."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.errors import MelError
from audiodiff.phase.running_griffin_lim import RunningGriffinLim
from audiodiff.types import Mel, Wave

MEAN_BLOCK = 32
"""Mel frames whose magnitudes are estimated at a time: whole blocks of Griffin-Lim, and no more to wait for."""


@runtime_checkable
class MagnitudeEstimator(Protocol):
    """Estimates the linear magnitudes of a mel, from `frame_radius` frames to either side of each."""

    frame_radius: int

    def __call__(self, mel: Mel) -> Float[Tensor, "batch bins frames"]:
        """Estimate those of whole mels."""
        ...

    def blockwise(self) -> "MagnitudeStream":
        """Begin with one mel that comes block by block."""
        ...


@runtime_checkable
class MagnitudeStream(Protocol):
    """Estimates the magnitudes of one mel that comes block by block."""

    def feed(self, mel: Mel, *, last: bool) -> Float[Tensor, "_ bins"]:
        """Take the next frames, return the magnitudes of those that are ready."""
        ...


class MeanStream:
    """Magnitudes, then `RunningGriffinLim`, for one mel; the mean comes at most `lag` frames after the mel.

    The mel is cut at fixed frames whatever the pieces are in which it comes, so the mean does not depend on them by
    a single bit. The first block is longer by the `frame_radius` of the magnitudes, and whole blocks come out of it.
    """

    def __init__(self, magnitudes: MagnitudeEstimator, griffin_lim: RunningGriffinLim) -> None:
        self.magnitudes = magnitudes.blockwise()
        self.griffin_lim = griffin_lim
        self.wanted = magnitudes.frame_radius + MEAN_BLOCK
        self.lag = magnitudes.frame_radius + MEAN_BLOCK - 1 + griffin_lim.lag
        self.waiting: Mel | None = None
        self.bands = griffin_lim.bands

    def feed(self, mel: Mel) -> Wave:
        """Take the next frames [1, n_mels, frames], return the whole hops [1, samples] that are ready."""
        waiting = mel if self.waiting is None else torch.cat([self.waiting, mel], dim=-1)
        waves = [self.griffin_lim.finished[:0]]
        while waiting.shape[-1] >= self.wanted:
            block, waiting = waiting[..., : self.wanted], waiting[..., self.wanted :]
            waves.append(self._invert(block, last=False))
            self.wanted = MEAN_BLOCK
        self.waiting = waiting
        return torch.cat(waves).unsqueeze(0)

    def flush(self) -> Wave:
        """Return the rest."""
        if self.waiting is None:
            raise MelError("the mel ended before it began: feed at least one frame")
        return torch.cat([self._invert(self.waiting, last=True), self.griffin_lim.flush()]).unsqueeze(0)

    def _invert(self, block: Mel, *, last: bool) -> Float[Tensor, " samples"]:
        block = block.clone()  # the same strides, whatever it was cut from
        ready = self.magnitudes.feed(block, last=last)
        self.bands = torch.cat([self.bands, self.griffin_lim.constraint.bands(block)[0].mT])
        bands, self.bands = self.bands[: len(ready)], self.bands[len(ready) :]
        return self.griffin_lim.feed(ready, bands)
