"""A DiffWave's weights and signals as the fused block reads them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from audiodiff.engine.diffwave.packed_weights import PackedWeights, packed
from audiodiff.networks.diffwave import DiffWave
from audiodiff.types import Samples

MEL_GROUP = 16
"""Bands are filled up with zeros to a multiple of this: the fewest that a product of the kernel can sum over."""


@dataclass(frozen=True, eq=False)
class FusedBlock:
    """One block: `taps` [3, C, 2C], `conditioner` [bands, 2C], `output` [C, 2C] are factors, `bias` [2C] is float32.

    The bands are filled up to a multiple of `MEL_GROUP`; without a mel there are none.
    """

    dilation: Samples
    taps: Tensor
    conditioner: Tensor
    bias: Tensor
    output: Tensor


@dataclass(frozen=True, eq=False)
class FusedWeights:
    """A network's blocks with factors of one dtype, and `packed`, from which they and all else come."""

    packed: PackedWeights
    blocks: list[FusedBlock]
    dtype: torch.dtype

    @classmethod
    def of(cls, network: DiffWave, dtype: torch.dtype) -> "FusedWeights":
        """Arrange a network's weights for products of `dtype`."""
        arranged = packed(network, dtype)
        blocks = [
            FusedBlock(
                dilation=block.dilation,
                taps=block.taps,
                conditioner=filled(
                    block.taps.new_empty(0, block.taps.shape[2]) if block.mel is None else block.mel, dtype
                ),
                bias=block.bias.contiguous(),
                output=block.output,
            )
            for block in arranged.blocks
        ]
        return cls(arranged, blocks, dtype)

    @property
    def bands(self) -> int:
        """Of the mel, filled up; 0 where there is none."""
        return len(self.blocks[0].conditioner)


class BlockBuffers:
    """Buffers between blocks: x, its next value and the sum of the skips, each [batch, samples, channels]."""

    def __init__(self, batch: int, samples: Samples, channels: int, device: torch.device) -> None:
        self.x, self.next, self.total = torch.zeros(3, batch, samples, channels, device=device)

    def step(self) -> None:
        """Let the next value be x."""
        self.x, self.next = self.next, self.x


def filled(rows: Float[Tensor, "bands columns"], dtype: torch.dtype) -> Float[Tensor, "more columns"]:
    """Rows of zeros below, up to a multiple of `MEL_GROUP`."""
    return F.pad(rows, (0, 0, 0, -len(rows) % MEL_GROUP)).to(dtype).contiguous()
