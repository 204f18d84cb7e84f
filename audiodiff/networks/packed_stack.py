"""The weights of a gated stack as products of [frames, channels] want them, for inference."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.networks.gated import GatedBlock, GatedStack

Rows = Float[Tensor, "_ _"]
"""Frames by channels."""
_Matrix = Float[Tensor, "inputs outputs"]
ParameterVersion = list[tuple[int, object]]
"""The parameters, and the number of times that each was changed."""


@dataclass(frozen=True, eq=False)
class PackedLinear:
    """x W + b on rows."""

    weight: _Matrix
    bias: Tensor

    def __call__(self, x: Rows) -> Rows:
        return torch.addmm(self.bias, x, self.weight)


@dataclass(frozen=True, eq=False)
class PackedGatedBlock:
    """A `GatedBlock`: the dilated convolution is one product of three taps side by side.

    The gate is computed from one sigmoid of both halves, which is a third of the time: with tanh(b) = 2·s(2b) - 1,
    -s(a)·tanh(b) = s(a) - 2·s(a)·s(2b). The factor 2 is in the weights before it, the sign in those after it.
    """

    norm: nn.LayerNorm
    dilation: int
    taps: PackedLinear
    output: PackedLinear

    def normalized(self, x: Rows) -> Rows:
        """The convolution's input for the residual x."""
        return self.norm(x)

    def added(self, x: Rows, taps: Rows) -> Rows:
        """x plus what the block makes of the three taps [frames, 3·channels] of each frame."""
        halves = self.taps(taps)
        halves = halves.to(torch.promote_types(halves.dtype, torch.float32))  # the difference cancels in few bits
        gate, value = halves.sigmoid_().chunk(2, dim=1)
        return x + self.output(torch.addcmul(gate, gate, value, value=-2))


@dataclass(frozen=True, eq=False)
class PackedStack:
    """A `GatedStack`."""

    input: PackedLinear
    blocks: list[PackedGatedBlock]
    norm: nn.LayerNorm
    output: PackedLinear


class Packing:
    """Packs a stack when it is first needed, and again when its parameters have changed or moved."""

    def __init__(self) -> None:
        self._known: tuple[ParameterVersion, PackedStack] | None = None

    @torch.no_grad()
    def of(self, stack: GatedStack) -> PackedStack:
        """The stack's weights as they are now."""
        state = state_of(stack)
        if self._known is None or self._known[0] != state:
            blocks = [_block(block) for block in stack.blocks if isinstance(block, GatedBlock)]
            packed = PackedStack(_affine(stack.input), blocks, stack.norm.norm, _affine(stack.output))
            self._known = state, packed
        return self._known[1]


def state_of(module: nn.Module) -> ParameterVersion:
    """Equal as long as no parameter has changed; never for inference tensors, which count no changes."""
    return [(p.data_ptr(), object() if p.is_inference() else p._version) for p in module.parameters()]


def _block(block: GatedBlock) -> PackedGatedBlock:
    channels = block.output.in_channels
    factors = torch.tensor([1.0, 2.0]).to(block.output.weight).repeat_interleave(channels)
    taps = block.dilated.weight.permute(2, 1, 0).flatten(0, 1) * factors
    output = _affine(block.output)
    return PackedGatedBlock(
        norm=block.norm.norm,
        dilation=block.dilated.dilation[0],
        taps=PackedLinear(taps, bias_of(block.dilated) * factors),
        output=PackedLinear(-output.weight, output.bias),
    )


def _affine(convolution: nn.Conv1d) -> PackedLinear:
    return PackedLinear(convolution.weight.squeeze(-1).T.contiguous(), bias_of(convolution))


def bias_of(convolution: nn.Conv1d | nn.Conv2d) -> Tensor:
    """The bias of a convolution that has one."""
    assert convolution.bias is not None
    return convolution.bias
