"""A DiffWave's weights as the engine multiplies by them: all constant factors and additions are done beforehand.

The network computes, block by block, x <- (x + r) / sqrt(2) and total <- total + s, with r and s linear in the gated
g. Here X = sqrt(2)^l · x is what is kept of the l-th block's input, so that the division is gone: the weights carry
its factor. The biases of all r are constant over time and are left out of X; what is missing is a vector per block,
which reaches the next products as part of their bias, together with the embedding of the step.
"""

from dataclasses import dataclass
from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.engine.diffwave.gate import AFTER, BEFORE
from audiodiff.networks.diffwave import DiffWave, ResidualBlock
from audiodiff.networks.packed_stack import bias_of

_Matrix = Float[Tensor, "inputs outputs"]


@dataclass(frozen=True, eq=False)
class PackedBlock:
    """One block: `taps` is [3, channels, 2·channels] of the dilated convolution, `mel` and `output` are 1x1.

    These three are in the precision of the products. `summed` is the sum of the taps, what the convolution does to a
    constant. `missing` is what the kept X lacks of the true one, `scale` the factor sqrt(2)^l between them.
    """

    dilation: int
    taps: Tensor
    summed: _Matrix
    mel: _Matrix | None
    bias: Tensor
    output: _Matrix
    missing: Tensor
    scale: float

    def shift(self, step: Float[Tensor, " channels"]) -> Tensor:
        """Difference between X and the convolution's input, for the projected embedding of a step."""
        return self.missing + self.scale * step

    def biased(self, shift: Tensor) -> Float[Tensor, " 2*channels"]:
        """The bias of the products when X goes without `shift`."""
        return self.bias + shift @ self.summed


@dataclass(frozen=True, eq=False)
class PackedWeights:
    """All weights of a network but those of its embeddings and upsamplers."""

    input: _Matrix
    input_bias: Tensor
    blocks: list[PackedBlock]
    skip: _Matrix
    skip_bias: Tensor
    output: _Matrix
    output_bias: Tensor

    @property
    def dtype(self) -> torch.dtype:
        """Of the products inside the blocks."""
        return self.blocks[0].taps.dtype

    def projection(self, index: int) -> _Matrix:
        """The matrix of a block that multiplies the stretched mel, in a network that is shown one."""
        projection = self.blocks[index].mel
        assert projection is not None
        return projection


def packed(network: DiffWave, dtype: torch.dtype) -> PackedWeights:
    """Arrange the weights; `dtype` is that of the products inside the blocks."""
    blocks = []
    missing = missing_skip = network.input.weight.new_zeros(network.input.out_channels)
    for layer, block in enumerate(network.blocks):
        assert isinstance(block, ResidualBlock)
        blocks.append(_packed_block(block, sqrt(2) ** layer, missing, dtype))
        residual, skip = bias_of(block.output).chunk(2)
        missing, missing_skip = missing + sqrt(2) ** layer * residual, missing_skip + skip
    share = 1 / sqrt(len(blocks))
    skip = share * _matrix(network.skip)
    return PackedWeights(
        input=network.input.weight.flatten(1).T.contiguous(),
        input_bias=bias_of(network.input),
        blocks=blocks,
        skip=skip.contiguous(),
        skip_bias=bias_of(network.skip) + missing_skip @ skip,
        output=_matrix(network.output),
        output_bias=bias_of(network.output),
    )


def _packed_block(block: ResidualBlock, scale: float, missing: Tensor, dtype: torch.dtype) -> PackedBlock:
    channels = block.output.in_channels
    columns = missing.new_tensor(BEFORE).repeat_interleave(channels)
    taps = block.dilated.weight.permute(2, 1, 0) / scale * columns
    mel = None if block.conditioner is None else _matrix(block.conditioner) * columns
    bias = bias_of(block.dilated) if block.conditioner is None else bias_of(block.dilated) + bias_of(block.conditioner)
    factors = AFTER * torch.cat([missing.new_full((channels,), scale), missing.new_ones(channels)])
    return PackedBlock(
        dilation=block.dilated.dilation[0],
        taps=taps.to(dtype).contiguous(),
        summed=taps.sum(0),
        mel=None if mel is None else mel.to(dtype),
        bias=bias * columns,
        output=(_matrix(block.output) * factors).to(dtype).contiguous(),
        missing=missing,
        scale=scale,
    )


def _matrix(convolution: torch.nn.Conv1d) -> _Matrix:
    return convolution.weight.squeeze(-1).T.contiguous()
