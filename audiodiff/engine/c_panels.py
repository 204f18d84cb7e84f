"""Matrices as functions in C multiply by them: in panels of as many columns as a vector holds."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def panels(matrix: Float[Tensor, "*some inputs outputs"], wide: int) -> Float[Tensor, "*some panels inputs wide"]:
    """Rearrange matrices; columns of zeros fill the last panel."""
    return filled(matrix, wide).unflatten(-1, (-1, wide)).movedim(-2, -3).contiguous()


def filled(values: Float[Tensor, "*some columns"], wide: int) -> Float[Tensor, "*some filled"]:
    """Zeros behind them up to whole vectors."""
    return F.pad(values, (0, -values.shape[-1] % wide)).contiguous()
