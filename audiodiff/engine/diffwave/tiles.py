"""All calls that a sampler makes of a DiffWave, on one tile of time after the other.

A call has to be as many samples behind the call before as the network looks ahead. In return what the blocks see of the
mel in a tile is stretched and projected once for all of them.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.conditioning import Conditioning
from audiodiff.engine.diffwave.mel_projection import (
    MelPerBlock,
    PartOfMel,
    ProjectedMel,
    SharedMel,
    Shown,
    StretchedMel,
)
from audiodiff.engine.diffwave.packed_weights import PackedWeights
from audiodiff.engine.diffwave.tile_pass import TilePass, Workspace, steps_of, tile_length
from audiodiff.networks.diffwave import DiffWave
from audiodiff.networks.upsampling import BlockUpsamplers
from audiodiff.types import Mel, Time, Wave

PROJECTED = 1 << 29
"""Bytes of projected mel that one waveform may hold at a time; with more calls every one projects for itself."""

ReadMel = Callable[[int, int], Mel]
"""The frames [1, n_mels, frames] of the mel from one to another, as far as there are such."""


@dataclass(frozen=True, eq=False)
class Tile:
    """The frames from `start` to `end`, and what the blocks see of the mel there."""

    start: int
    end: int
    mel: Shown | None


class CallsInTiles:
    """One waveform, `calls` calls of a network; a tile is a whole number of frames. Belongs to one thread.

    Call number 0 lays out the tiles, of at most `tile` frames. The others take each of them whole or in parts.
    """

    def __init__(self, network: DiffWave, weights: PackedWeights, calls: int) -> None:
        self.network, self.weights = network, weights
        self.tile = max(1, tile_length() // network.hop_length)
        self.projects = calls > 1 and self._projected_bytes(calls) <= PROJECTED
        self.workspace = Workspace(network, weights, self.tile * network.hop_length)
        self.passes: list[TilePass] = []
        self.fed = [0] * calls
        self.left = [weights.input.new_empty(network.output.out_channels, 0)] * calls
        self.tiles: deque[Tile] = deque()
        self.buffers: list[Tensor] = []

    @property
    def ahead(self) -> int:
        """Frames of the mel behind those of its tile that the first call must be able to see."""
        upsampler = self.network.upsampler
        return 1 if upsampler is None else ceil(upsampler.radius / self.network.hop_length)

    @property
    def delay(self) -> int:
        """Number of frames by which the output of a call is behind its input."""
        return ceil(self.network.block_radius / self.network.hop_length)

    def end_of_tile(self, frame: int) -> int:
        """End of the tile that holds a frame, if call number 0 has been there."""
        return next(tile.end for tile in self.tiles if tile.start <= frame < tile.end)

    @torch.no_grad()
    def feed(self, turn: int, x: Wave, t: Time, cond: Conditioning, read: ReadMel, *, last: bool) -> Tensor:
        """Let call number `turn` take its next frames, all of one tile; return the next whole frames of its output.

        `x` is [1, samples]; the mean in `cond`, if the network sees one, is of the same frames. The output is
        [1, *outputs, samples]. Call number 0 of a tile comes before number 1, and so on.
        """
        start, hop = self.fed[turn], self.network.hop_length
        self.fed[turn] += x.shape[-1] // hop
        with torch.autocast("cpu", enabled=False):
            if turn == len(self.passes):
                self.passes.append(
                    TilePass(self.network, self.weights, self.workspace, steps_of(self.network, t, cond)[0])
                )
            if turn == 0:
                self.tiles.append(Tile(start, self.fed[0], self._mel(start, self.fed[0], read)))
            mel = next(tile.mel for tile in self.tiles if start < tile.end)
            # One item at a time, as rows of samples: products of [samples, channels] are the fastest there are.
            waves = [x, cond.need_mean()] if self.network.sees_mean else [x]
            piece = torch.stack(waves, dim=-1)[0].to(self.weights.input.dtype)
            rows = self.passes[turn].feed(piece, mel, last=last)
        while self.tiles and self.tiles[0].end <= self.fed[-1]:
            self._forget(self.tiles.popleft())
        return self._whole_frames(turn, rows)

    def _whole_frames(self, turn: int, rows: Float[Tensor, "rows outputs"]) -> Tensor:
        # The blocks give single samples; samplers and priors work on frames, so what is over waits for the next time.
        out = torch.cat([self.left[turn], rows.T], dim=1)
        whole = out.shape[1] // self.network.hop_length * self.network.hop_length
        self.left[turn] = out[:, whole:].clone()
        return out[None, :, :whole].squeeze(1)

    def _mel(self, start: int, end: int, read: ReadMel) -> Shown | None:
        """The mel for the tile of the frames from `start` to `end`; each block asks somewhat earlier."""
        network, upsampler = self.network, self.network.upsampler
        if upsampler is None:
            return None
        hop = network.hop_length
        first = max(0, (start * hop - network.block_radius - upsampler.radius) // hop)
        mel = read(first, end + self.ahead)[0]
        if isinstance(upsampler, BlockUpsamplers):
            part = MelPerBlock(upsampler, mel, hop, len(network.blocks), self.weights.dtype)
        else:
            part = SharedMel(upsampler, mel, self.weights.dtype)
        whole = PartOfMel(part, first * hop)
        if not self.projects:
            return StretchedMel(whole, self.weights)
        return ProjectedMel(whole, self.weights, self._buffer() if end - start == self.tile else None)

    def _buffer(self) -> Tensor:
        """Memory for what is projected in one tile: from a tile that is done with, which is faster than new memory."""
        if self.buffers:
            return self.buffers.pop()
        rows = self.workspace.tile + self.network.block_radius
        shape = len(self.network.blocks), rows, 2 * self.network.input.out_channels
        return torch.empty(shape, dtype=self.weights.dtype, device="cpu")

    def _forget(self, tile: Tile) -> None:
        if isinstance(tile.mel, ProjectedMel) and tile.mel.buffer is not None:
            self.buffers.append(tile.mel.buffer)

    def _projected_bytes(self, calls: int) -> int:
        """A call is at most a whole number of tiles behind the one before."""
        network, samples = self.network, self.tile * self.network.hop_length
        row = 2 * len(network.blocks) * network.input.out_channels * self.weights.dtype.itemsize
        tiles = 1 + (calls - 1) * ceil(network.block_radius / samples)
        return 0 if network.upsampler is None else row * samples * tiles
