"""The gate sigmoid(a)·tanh(b) in one transcendental function over both halves at once, which is half the time.

The other function's factors of two are in the weights before and after, so a pass over [rows, 2·channels] and one
over the product remain.
"""

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

Halves = Float[Tensor, "rows 2*channels"]
Gated = Float[Tensor, "rows channels"]


class Gate(Protocol):
    """How a block's two halves become one; `dtype` is that of the products before and after."""

    dtype: torch.dtype
    output: float
    """The factor that the weights after it must have."""

    def columns(self, like: Tensor) -> Float[Tensor, " 2"]:
        """The factors that a and b must come with."""
        ...

    def __call__(self, halves: Halves, out: Gated) -> None:
        """Write the gated values to `out`; `halves` is overwritten."""
        ...


class BySigmoid:
    """-sigmoid(a)·tanh(b) = s(a) - 2·s(a)·s(2b): torch's sigmoid is more than three times as fast as its tanh."""

    output = -1.0

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def columns(self, like: Tensor) -> Float[Tensor, " 2"]:
        """(1, 2)."""
        return like.new_tensor([1.0, 2.0])

    def __call__(self, halves: Halves, out: Gated) -> None:
        """Write minus the gated values."""
        gate, value = halves.sigmoid_().chunk(2, dim=1)
        torch.addcmul(gate, gate, value, value=-2, out=out)


class ByTanh:
    """2·sigmoid(a)·tanh(b) = t(b) + t(a/2)·t(b), which in few bits keeps small values of b, as 2·s(2b) - 1 does not."""

    output = 0.5

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def columns(self, like: Tensor) -> Float[Tensor, " 2"]:
        """(1/2, 1)."""
        return like.new_tensor([0.5, 1.0])

    def __call__(self, halves: Halves, out: Gated) -> None:
        """Write twice the gated values."""
        gate, value = halves.tanh_().chunk(2, dim=1)
        torch.addcmul(value, gate, value, out=out)
