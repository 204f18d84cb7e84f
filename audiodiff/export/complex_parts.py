"""Complex spectra as pairs of real tensors."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

FrameRows = Float[Tensor, "batch frames _"]
Parts = tuple[FrameRows, FrameRows]
"""Real and imaginary parts."""


def power(x: Parts) -> FrameRows:
    """The squared magnitude."""
    return x[0].square() + x[1].square()


def scaled(x: Parts, gain: FrameRows) -> Parts:
    """x times a real number."""
    return x[0] * gain, x[1] * gain


def times(x: Parts, y: tuple[Tensor, Tensor]) -> Parts:
    """The complex product."""
    return x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]


def shifted(x: Parts, padding: tuple[int, ...]) -> Parts:
    """x with zeros moved in at one end, by negative padding out at the other."""
    return F.pad(x[0], padding), F.pad(x[1], padding)
