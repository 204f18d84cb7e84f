"""The gate sigmoid(a)·tanh(b) in one transcendental function over both halves at once, which is half the time.

-sigmoid(a)·tanh(b) = s(a) - 2·s(a)·s(2b): the factors 2 and -1 are in the weights before and after it, so a pass over
[rows, 2·channels] and one over the product remain. torch's sigmoid is several times as fast as its tanh, and in float32
faster than in bfloat16, where 2·s(2b) - 1 would lose small values of b besides.
"""

import torch
from jaxtyping import Float
from torch import Tensor

BEFORE = (1.0, 2.0)
"""The factors that a and b must come with."""
AFTER = -1.0
"""The factor that the weights after the gate must have."""


def gate(halves: Float[Tensor, "rows 2*channels"], out: Float[Tensor, "rows channels"]) -> None:
    """Write minus the gated values to `out`; `halves` is overwritten."""
    opening, value = halves.sigmoid_().chunk(2, dim=1)
    torch.addcmul(opening, opening, value, value=-2, out=out)
