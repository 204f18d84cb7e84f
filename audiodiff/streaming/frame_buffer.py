"""A signal that grows at its end and is forgotten at its start."""

import torch
from torch import Tensor

from audiodiff.types import Samples


class FrameBuffer:
    """Everything is addressed by absolute frame; the last dimension holds `width` values of each frame."""

    def __init__(self, width: Samples) -> None:
        self.width = width
        self.start = self.end = 0
        self._kept: Tensor | None = None

    def append(self, x: Tensor) -> None:
        """Write the next frames."""
        self._kept = x if self._kept is None else torch.cat([self._kept, x], dim=-1)
        self.end += x.shape[-1] // self.width

    def read(self, start: int, end: int) -> Tensor:
        """Return the frames from `start` to `end`, which must have been written and not yet forgotten."""
        assert self._kept is not None
        assert self.start <= start <= end <= self.end
        return self._kept[..., (start - self.start) * self.width : (end - self.start) * self.width]

    def forget(self, before: int) -> None:
        """Drop the frames before that one."""
        if self._kept is not None and before > self.start:
            self._kept = self._kept[..., (before - self.start) * self.width :].clone()
            self.start = before
