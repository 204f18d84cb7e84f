"""Frames computed in blocks that fit a processor's cache."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

FRAMES_TOGETHER = 256
"""In a block, of all items of a batch together."""
FEWEST_TOGETHER = 96


def in_blocks(function: Callable[..., Tensor], rows: Sequence[Tensor], *, reach: int) -> Tensor:
    """A function of tensors [batch, frames, …], each of whose frames depends on `reach` frames to either side.

    A pass over memory that no cache holds costs as much as some products. Each block is computed with its surroundings,
    which gives the values of the whole; one block it is on other devices, for gradients, and where a graph is traced.
    """
    batch, frames = rows[0].shape[:2]
    block = max(FEWEST_TOGETHER, FRAMES_TOGETHER // batch)
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    if frames <= 2 * block or rows[0].device.type != "cpu" or torch.is_grad_enabled() or traced:
        return function(*rows)
    said = []
    for start in range(0, frames, block):
        first = max(0, start - reach)
        around = function(*(x[:, first : start + block + reach] for x in rows))
        said.append(around[:, start - first :][:, :block])
    return torch.cat(said, dim=1)
