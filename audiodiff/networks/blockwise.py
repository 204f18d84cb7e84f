"""A gated stack that is fed block by block and computes every frame once."""

import torch

from audiodiff.networks.packed_stack import PackedGatedBlock, PackedStack, Rows


class BlockwiseStack:
    """A gated stack without steps whose layers keep the frames that their next outputs depend on.

    All outputs together are those of the whole, `frame_radius` frames late: n frames in are n less that out, and the
    rest comes with the last block. Equal blocks are computed in equal shapes, so the same blocks give the same bits.
    Convolutions are matrix products here, which for short blocks are several times as fast.
    """

    def __init__(self, stack: PackedStack) -> None:
        self.stack = stack
        self.layers = [BlockwiseLayer(block) for block in stack.blocks]

    def feed(self, x: Rows, *, last: bool) -> Rows:
        """Take the next frames [frames, inputs], return [frames, outputs] for those that are ready."""
        h = self.stack.input(x)
        for layer in self.layers:
            h = layer.feed(h, last=last)
        return self.stack.output(self.stack.norm(h))


class BlockwiseLayer:
    """A `GatedBlock` that remembers the normalized frames it still has to see, and those it still has to add to."""

    def __init__(self, block: PackedGatedBlock) -> None:
        self.block = block
        self.seen = block.output.weight.new_zeros(block.dilation, len(block.output.weight))
        self.waiting = self.seen[:0]

    def feed(self, x: Rows, *, last: bool) -> Rows:
        """Take frames; return those whose surroundings are known, all if these are the last."""
        dilation = self.block.dilation
        silence = x.new_zeros(dilation if last else 0, x.shape[1])
        seen, x = torch.cat([self.seen, self.block.normalized(x), silence]), torch.cat([self.waiting, x])
        n_frames = max(0, len(seen) - 2 * dilation)
        taps = [seen[k * dilation :][:n_frames] for k in range(3)]
        self.seen, self.waiting = seen[n_frames:], x[n_frames:]
        return self.block.added(x[:n_frames], torch.cat(taps, dim=1))
