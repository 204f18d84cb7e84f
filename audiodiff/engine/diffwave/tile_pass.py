"""One waveform through all blocks of a network, tile after tile."""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.conditioning import Conditioning
from audiodiff.engine.diffwave.block_products import BlockProducts, Float32Block, MixedBlock
from audiodiff.engine.diffwave.c_kernel import CompiledBlock, PanelWeights
from audiodiff.engine.diffwave.mel_projection import Shown
from audiodiff.engine.diffwave.packed_weights import PackedWeights
from audiodiff.engine.diffwave.window import State, Window
from audiodiff.networks.diffwave import DiffWave, ResidualBlock
from audiodiff.types import Samples, Time

TILE = 2048
"""Samples for each thread: enough for products to be fast, few enough for all that a tile needs to stay in cache."""


def tile_length() -> Samples:
    """Of the tiles that the threads of this process work on together."""
    return TILE * torch.get_num_threads()


def steps_of(network: DiffWave, t: Time, cond: Conditioning) -> Float[Tensor, "batch blocks channels"]:
    """Each block's term for the noise time, and for anything else that holds for a whole waveform."""
    step = network.embedding(t) if network.clip is None else network.clip(network.embedding(t), cond)
    return torch.stack([block.step(step) for block in network.blocks if isinstance(block, ResidualBlock)], dim=1)


class Workspace:
    """The buffers of one tile, which all blocks of all calls use in turn; it belongs to one thread."""

    def __init__(self, network: DiffWave, weights: PackedWeights, tile: Samples) -> None:
        self.tile, self.head = tile, 2 * network.widest
        rows, channels, like = tile + network.block_radius, network.input.out_channels, weights.input
        self.tiles = [like.new_empty(self.head + rows + network.widest, 2 * channels) for _ in range(2)]
        self.products: BlockProducts
        if isinstance(weights, PanelWeights):
            self.products = CompiledBlock(weights.kernel, channels, rows, network.widest)
        elif weights.dtype != like.dtype:
            self.products = MixedBlock(channels, rows, network.widest, like, weights.dtype)
        else:
            self.products = Float32Block(channels, rows, like)


class TilePass:
    """A network's blocks on their way over one waveform.

    Every block is as many samples late as it looks ahead, so a tile comes out `network.block_radius` samples after it
    went in, and nothing is computed twice.
    """

    def __init__(
        self, network: DiffWave, weights: PackedWeights, workspace: Workspace, steps: Float[Tensor, "blocks channels"]
    ) -> None:
        self.weights, self.workspace = weights, workspace
        shifts = [block.shift(step) for block, step in zip(weights.blocks, steps, strict=True)]
        self.biases = [block.biased(shift) for block, shift in zip(weights.blocks, shifts, strict=True)]
        self.windows = [
            Window(block.dilation, "reflect" if network.reflects else shift, workspace.tiles[0])
            for block, shift in zip(weights.blocks, shifts, strict=True)
        ]

    def run(
        self, wave: Float[Tensor, "samples inputs"], mel: Shown | None, out: Float[Tensor, "outputs samples"]
    ) -> None:
        """Write the network's outputs for the whole waveform."""
        done, tile = 0, self.workspace.tile
        for start in range(0, len(wave), tile):
            rows = self.feed(wave[start : start + tile], mel, last=start + tile >= len(wave))
            out[:, done : done + len(rows)] = rows.T
            done += len(rows)

    def feed(
        self, piece: Float[Tensor, "rows inputs"], mel: Shown | None, *, last: bool
    ) -> Float[Tensor, "rows outputs"]:
        """Take the next samples, at most a tile; return the outputs that are certain: all after the `last`."""
        tile, other = self.workspace.tiles
        head, products = self.workspace.head, self.workspace.products
        new = self._enter(piece, tile)
        for index, (block, window) in enumerate(zip(self.weights.blocks, self.windows, strict=True)):
            seen = window.open(tile, head, new, last=last)
            new = window.ready(seen)
            if new:
                begin = None if mel is None else partial(mel.rows, index, window.done, window.done + new)
                products(block, self.biases[index], begin, seen, other[head : head + new])
            window.close(seen, new)
            tile, other = other, tile  # a block cannot write where its neighbours' rows are still read
        return self._output(tile[head : head + new])

    def _enter(self, piece: Tensor, tile: State) -> Samples:
        head = self.workspace.head
        x, total = tile[head : head + len(piece)].chunk(2, dim=1)
        torch.addmm(self.weights.input_bias, piece, self.weights.input, out=x)
        x.relu_()
        total.zero_()
        return len(piece)

    def _output(self, rows: State) -> Float[Tensor, "rows outputs"]:
        weights = self.weights
        x = torch.addmm(weights.skip_bias, rows.chunk(2, dim=1)[1], weights.skip).relu_()
        return torch.addmm(weights.output_bias, x, weights.output)
