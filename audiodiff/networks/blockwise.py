"""A gated stack that is fed block by block and computes every frame once."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from audiodiff.networks.gated import GatedBlock, GatedStack

Rows = Float[Tensor, "_ _"]
"""Frames by channels; how many come out depends on the frames before."""


class BlockwiseStack:
    """A `GatedStack` without steps whose layers keep the frames that their next outputs depend on.

    All outputs together are those of the whole, `context` frames late: n frames in are n - `context` out, and the
    rest comes with the last block. Equal blocks are computed in equal shapes, so the same blocks give the same bits.
    Convolutions are matrix products here, which for short blocks are several times as fast.
    """

    def __init__(self, stack: GatedStack) -> None:
        self.stack = stack
        self.layers = [BlockwiseLayer(block) for block in stack.blocks if isinstance(block, GatedBlock)]

    def feed(self, x: Rows, *, last: bool) -> Rows:
        """Take the next frames [frames, inputs], return [frames, outputs] for those that are ready."""
        h = F.linear(x, self.stack.input.weight.squeeze(-1), self.stack.input.bias)
        for layer in self.layers:
            h = layer.feed(h, last=last)
        return F.linear(self.stack.norm.norm(h), self.stack.output.weight.squeeze(-1), self.stack.output.bias)


class BlockwiseLayer:
    """A `GatedBlock` that remembers the normalized frames it still has to see, and those it still has to add to."""

    def __init__(self, block: GatedBlock) -> None:
        self.block = block
        self.dilation = block.dilated.dilation[0]
        self.weight = block.dilated.weight.permute(0, 2, 1).flatten(1)
        self.seen = self.weight.new_zeros(self.dilation, block.output.in_channels)
        self.waiting = self.seen[:0]

    def feed(self, x: Rows, *, last: bool) -> Rows:
        """Take frames; return those whose surroundings are known, all if these are the last."""
        silence = x.new_zeros(self.dilation if last else 0, x.shape[1])
        seen, x = torch.cat([self.seen, self.block.norm.norm(x), silence]), torch.cat([self.waiting, x])
        n_frames = max(0, len(seen) - 2 * self.dilation)
        taps = [seen[k * self.dilation :][:n_frames] for k in range(3)]
        gate, value = F.linear(torch.cat(taps, dim=1), self.weight, self.block.dilated.bias).chunk(2, dim=1)
        self.seen, self.waiting = seen[n_frames:], x[n_frames:]
        output = self.block.output
        return x[:n_frames] + F.linear(gate.sigmoid() * value.tanh(), output.weight.squeeze(-1), output.bias)
