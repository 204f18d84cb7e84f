"""One block's part in a pass over time, tile after tile: it keeps what its next outputs depend on."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.types import Samples

State = Float[Tensor, "rows 2*channels"]
"""x beside the sum of the skips, for consecutive samples."""


class Window:
    """The rows that a dilated convolution of three taps looks at, and which of them are left for the next tile.

    New rows are expected in `tile` from row `head` on, in front of which there is room for the kept ones. The outside
    of the signal is, as the convolution wants it, minus the shift (zeros once that is added) or the reflection.
    """

    def __init__(self, dilation: int, outside: Float[Tensor, " channels"] | Literal["reflect"], like: State) -> None:
        self.dilation, self.outside = dilation, outside
        self.kept = like.new_empty(2 * dilation, like.shape[1])
        self.n_kept = 0
        self.begun = False
        self.done: Samples = 0

    def open(self, tile: State, head: int, rows: int, *, last: bool) -> State:
        """Put the kept rows before the new ones; return all that can be seen: `dilation` rows more at both ends."""
        start, end = head - self.n_kept, head + rows
        tile[start:head] = self.kept[: self.n_kept]
        reflect = isinstance(self.outside, str)
        # What lies before the first sample is needed once; a reflection has to wait for the samples that it mirrors.
        if not self.begun and (last or not reflect or end - start > self.dilation):
            self.begun = True
            start -= self.dilation
            inside = tile[start + self.dilation + 1 :][: self.dilation]
            self._fill(tile[start : start + self.dilation], inside)
        if last:  # there is no more to come, so the outside at the end makes all rows certain
            self._fill(tile[end : end + self.dilation], tile[end - 1 - self.dilation : end - 1])
            end += self.dilation
        return tile[start:end]

    def ready(self, seen: State) -> Samples:
        """Number of rows whose outputs are certain."""
        return max(0, len(seen) - 2 * self.dilation) if self.begun else 0

    def close(self, seen: State, ready: Samples) -> None:
        """Keep the rows that the next tile needs."""
        left = seen[ready:]  # 2·dilation rows in the middle of a signal: those that the next outputs look back at
        self.n_kept = len(left)
        self.kept[: self.n_kept] = left
        self.done += ready

    def _fill(self, pad: State, inside: State) -> None:
        """Write the rows outside; `inside` are those next to them, the edge itself left out."""
        channels = pad.shape[1] // 2
        if isinstance(self.outside, str):
            pad[:, :channels] = inside[:, :channels].flip(0)
        else:
            torch.neg(self.outside.expand(len(pad), -1), out=pad[:, :channels])
