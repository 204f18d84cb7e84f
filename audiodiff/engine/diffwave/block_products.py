"""The arithmetic of a block on one tile, in buffers that are taken once: in float32, or mixed with bfloat16."""

from typing import Protocol

import torch
from torch import Tensor

from audiodiff.engine.diffwave.gate import gate
from audiodiff.engine.diffwave.mel_projection import Begin
from audiodiff.engine.diffwave.packed_weights import PackedBlock
from audiodiff.engine.diffwave.window import State
from audiodiff.types import Samples


class BlockProducts(Protocol):
    """Arithmetic of a block, from rows to rows; an instance owns the buffers and belongs to one thread."""

    def __call__(self, block: PackedBlock, bias: Tensor, begin: Begin | None, seen: State, out: State) -> None:
        """Write the next block's rows to `out`, from `seen` with `dilation` rows more at both ends.

        `begin` gives what the mel adds, if there is one.
        """
        ...


class Float32Block:
    """In the precision of the weights: three shifted products with no copy, the residual and the skip in another."""

    def __init__(self, channels: int, rows: Samples, like: Tensor) -> None:
        self._halves, self._gated = like.new_empty(rows, 2 * channels), like.new_empty(rows, channels)

    def __call__(self, block: PackedBlock, bias: Tensor, begin: Begin | None, seen: State, out: State) -> None:
        """Write the next block's rows to `out`."""
        n, d = len(out), block.dilation
        halves, gated = begun(self._halves[:n], bias, begin), self._gated[:n]
        x = seen[:, : gated.shape[1]]
        for tap, matrix in enumerate(block.taps):
            halves.addmm_(x[tap * d : tap * d + n], matrix)
        gate(halves, gated)
        torch.addmm(seen[d : d + n], gated, block.output, out=out)


class MixedBlock:
    """Factors of fewer bits: one product over all taps, one after the gate; sums, gate and state keep their precision.

    Copies of the taps beside each other take a sixth of the time of their product; three products would round thrice.
    """

    def __init__(self, channels: int, rows: Samples, widest: Samples, like: Tensor, dtype: torch.dtype) -> None:
        few = like.new_empty(0, dtype=dtype)
        self._x, self._taps = few.new_empty(rows + 2 * widest, channels), few.new_empty(rows, 3 * channels)
        self._halves, self._both = few.new_empty(2, rows, 2 * channels)
        self._factors = few.new_empty(rows, channels)
        self._wide, self._gated = like.new_empty(rows, 2 * channels), like.new_empty(rows, channels)

    def __call__(self, block: PackedBlock, bias: Tensor, begin: Begin | None, seen: State, out: State) -> None:
        """Write the next block's rows to `out`."""
        n, d = len(out), block.dilation
        x, taps, gated = self._x[: len(seen)], self._taps[:n], self._gated[:n]
        channels = x.shape[1]
        x.copy_(seen[:, :channels])
        for tap, columns in enumerate(taps.split(channels, dim=1)):
            columns.copy_(x[tap * d : tap * d + n])
        halves = begun(self._halves[:n], bias.to(x.dtype), begin).addmm_(taps, block.taps.flatten(end_dim=1))
        gate(self._wide[:n].copy_(halves), gated)
        both = torch.mm(self._factors[:n].copy_(gated), block.output, out=self._both[:n])
        torch.add(seen[d : d + n], both, out=out)


def begun(halves: State, bias: Tensor, begin: Begin | None) -> State:
    """All but what the convolution adds."""
    return halves.copy_(bias) if begin is None else begin(halves, bias)
