"""One waveform through all blocks, tile after tile."""

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.engine.gates import Gate
from audiodiff.engine.mels import MelPerBlock, SharedMel
from audiodiff.engine.packed import Packed
from audiodiff.engine.products import Exact, Reduced
from audiodiff.engine.window import State, Window
from audiodiff.networks.diffwave import DiffWave
from audiodiff.types import Samples

TILE = 2048
"""Samples for each thread: enough for products to be fast, few enough for all that a tile needs to stay in cache."""


class Walk:
    """A network's blocks on their way over one waveform; the buffers are those of a tile, whatever the length.

    Every block is as many samples late as it looks ahead, so a tile comes out `network.context` samples after it went
    in, and nothing is computed twice.
    """

    def __init__(
        self,
        network: DiffWave,
        weights: Packed,
        products: type[Exact] | type[Reduced],
        gate: Gate,
        steps: Float[Tensor, "blocks channels"],
    ) -> None:
        self.weights = weights
        channels, blocks = steps.shape[1], weights.blocks
        n_mels = 0 if blocks[0].mel is None else len(blocks[0].mel)
        self.tile = TILE * torch.get_num_threads()
        self.head, rows = 2 * network.widest, self.tile + network.context
        self.products = products(channels, rows, n_mels, gate, steps)
        self.tiles = [steps.new_empty(self.head + rows + network.widest, 2 * channels) for _ in range(2)]
        shifts = [block.shift(step) for block, step in zip(blocks, steps, strict=True)]
        self.biases = [block.biased(shift).to(gate.dtype) for block, shift in zip(blocks, shifts, strict=True)]
        self.windows = [
            Window(block.dilation, "reflect" if network.reflects else shift, self.tiles[0])
            for block, shift in zip(blocks, shifts, strict=True)
        ]

    def run(
        self,
        wave: Float[Tensor, "samples inputs"],
        mel: SharedMel | MelPerBlock | None,
        out: Float[Tensor, "outputs samples"],
    ) -> None:
        """Write the network's outputs for the whole waveform."""
        done = 0
        for start in range(0, len(wave), self.tile):
            piece = wave[start : start + self.tile]
            rows = self._through(piece, mel, last=start + self.tile >= len(wave))
            out[:, done : done + len(rows)] = self._answer(rows).T
            done += len(rows)

    def _through(self, piece: Tensor, mel: SharedMel | MelPerBlock | None, *, last: bool) -> State:
        tile, other = self.tiles
        new = self._enter(piece, tile)
        for index, (block, window) in enumerate(zip(self.weights.blocks, self.windows, strict=True)):
            seen = window.open(tile, self.head, new, last=last)
            new = window.ready(seen)
            if new:
                shown = None if mel is None else mel.rows(index, window.done, window.done + new)
                self.products(block, self.biases[index], seen, shown, other[self.head : self.head + new])
            window.close(seen, new)
            tile, other = other, tile
        return tile[self.head : self.head + new]

    def _enter(self, piece: Tensor, tile: State) -> Samples:
        rows = tile[self.head : self.head + len(piece)]
        x, total = rows.chunk(2, dim=1)
        torch.addmm(self.weights.input_bias, piece, self.weights.input, out=x)
        x.relu_()
        total.zero_()
        return len(piece)

    def _answer(self, rows: State) -> Float[Tensor, "rows outputs"]:
        weights = self.weights
        x = torch.addmm(weights.skip_bias, rows.chunk(2, dim=1)[1], weights.skip).relu_()
        return torch.addmm(weights.output_bias, x, weights.output)
