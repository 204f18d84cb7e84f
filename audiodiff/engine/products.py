"""The arithmetic of a block on one tile, in buffers that are taken once: exact, or with products in bfloat16."""

from typing import Protocol

import torch
from torch import Tensor

from audiodiff.engine.gates import BySigmoid, ByTanh, Gate
from audiodiff.engine.mels import Rows
from audiodiff.engine.packed import Matrix, PackedBlock
from audiodiff.engine.window import State
from audiodiff.types import Samples


class Products(Protocol):
    """How a block turns rows into rows; an instance owns the buffers and belongs to one thread."""

    def __call__(self, block: PackedBlock, bias: Tensor, seen: State, shown: Rows | None, out: State) -> None:
        """Write the next block's rows to `out`, from `seen` with `dilation` rows more at both ends.

        `shown` is what the block sees of the mel: stretched, or projected already, as the kind of products has it.
        """
        ...


class Exact:
    """In the precision of the weights: three shifted products with no copy, the residual and the skip in another."""

    def __init__(self, channels: int, rows: Samples, n_mels: int, gate: Gate, like: Tensor) -> None:
        self.gate = gate
        self.halves, self.gated = like.new_empty(rows, 2 * channels), like.new_empty(rows, channels)

    def __call__(self, block: PackedBlock, bias: Tensor, seen: State, shown: Rows | None, out: State) -> None:
        """Write the next block's rows to `out`."""
        n, d = len(out), block.dilation
        h, g = self.halves[:n], self.gated[:n]
        x = seen[:, : g.shape[1]]
        if shown is None or block.mel is None:
            torch.addmm(bias, x[d : d + n], block.taps[1], out=h)
        else:
            self.begin(block.mel, bias, shown, h)
            h.addmm_(x[d : d + n], block.taps[1])
        h.addmm_(x[:n], block.taps[0]).addmm_(x[2 * d :], block.taps[2])
        self.gate(h, g)
        torch.addmm(seen[d : d + n], g, block.output, out=out)

    def begin(self, projection: Matrix, bias: Tensor, shown: Rows, out: State) -> None:
        """Write the mel's part of both halves, and the bias."""
        torch.addmm(bias, shown, projection, out=out)


class Projected(Exact):
    """The same where the mel comes projected already, for this call of the network and all others."""

    def begin(self, projection: Matrix, bias: Tensor, shown: Rows, out: State) -> None:
        """Add the bias, which belongs to this call alone."""
        torch.add(shown, bias, out=out)


class Reduced:
    """Products of fewer bits: one over all taps and the mel, one after the gate; the state keeps its precision."""

    def __init__(self, channels: int, rows: Samples, n_mels: int, gate: Gate, like: Tensor) -> None:
        self.gate, self.channels = gate, channels
        few = like.to(gate.dtype)
        self.gathered = few.new_empty(rows, 3 * channels + n_mels)
        self.halves, self.gated = few.new_empty(rows, 2 * channels), few.new_empty(rows, channels)
        self.both = few.new_empty(rows, 2 * channels)

    def __call__(self, block: PackedBlock, bias: Tensor, seen: State, shown: Rows | None, out: State) -> None:
        """Write the next block's rows to `out`."""
        n, d, channels = len(out), block.dilation, self.channels
        gathered, h, g, both = self.gathered[:n], self.halves[:n], self.gated[:n], self.both[:n]
        x = seen[:, :channels]
        for tap in range(3):
            columns = gathered[:, tap * channels : (tap + 1) * channels]
            torch.mul(x[tap * d : tap * d + n], 1 / block.scale, out=columns)
        if shown is not None:
            gathered[:, 3 * channels :] = shown
        torch.addmm(bias, gathered, block.stacked, out=h)
        self.gate(h, g)
        torch.mm(g, block.output, out=both)
        torch.add(seen[d : d + n], both, out=out)


Kind = type[Exact] | type[Reduced]


def kind_of(dtype: torch.dtype, own: torch.dtype) -> tuple[Kind, Gate]:
    """How to compute in `dtype` with weights of the dtype `own`."""
    return (Exact, BySigmoid(own)) if dtype == own else (Reduced, ByTanh(dtype))
