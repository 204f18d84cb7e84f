"""The mel, stretched to samples, as each block of a network wants to see it: some rows at a time."""

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.engine.packed import Packed
from audiodiff.errors import ConfigError
from audiodiff.networks.upsampling import BlockUpsamplers, MelUpsampler
from audiodiff.types import Samples

OneMel = Float[Tensor, "n_mels frames"]
Rows = Float[Tensor, "rows values"]


class MelRows(Protocol):
    """What a block sees of a mel."""

    def rows(self, block: int, start: Samples, end: Samples) -> Rows:
        """Of the samples from `start` to `end`."""
        ...


class SharedMel:
    """One stretched mel for all blocks, made once."""

    def __init__(self, upsampler: MelUpsampler, mel: OneMel) -> None:
        self.stretched = upsampler(mel.unsqueeze(0))[0]

    def rows(self, block: int, start: Samples, end: Samples) -> Rows:
        """What the block sees of the samples from `start` to `end`: [rows, n_mels]."""
        return self.stretched[:, start:end].T


class MelPerBlock:
    """A mel stretched by each block's own upsampler for the samples asked for: the whole of all would be too much."""

    def __init__(self, upsamplers: BlockUpsamplers, mel: OneMel, hop_length: Samples, blocks: int) -> None:
        if blocks != len(upsamplers):
            raise ConfigError(f"{len(upsamplers)} upsamplers for a network of {blocks} blocks: give one for each")
        self.upsamplers, self.mel, self.hop_length = list(upsamplers), mel, hop_length
        self.spill = upsamplers.spill

    def rows(self, block: int, start: Samples, end: Samples) -> Rows:
        """What the block sees of the samples from `start` to `end`: [rows, n_mels]."""
        first = max(0, (start - self.spill) // self.hop_length)
        last = -(-(end + self.spill) // self.hop_length)
        stretched = self.upsamplers[block](self.mel[None, :, first:last])[0]
        begin = first * self.hop_length
        return stretched[:, start - begin : end - begin].T


class PartOfMel:
    """The rows of a mel of which only a part is at hand, from sample `offset` on."""

    def __init__(self, part: MelRows, offset: Samples) -> None:
        self.part, self.offset = part, offset

    def rows(self, block: int, start: Samples, end: Samples) -> Rows:
        """Those of the whole."""
        return self.part.rows(block, start - self.offset, end - self.offset)


class ProjectedMel:
    """What every block adds to its two halves for the mel, kept for the other calls of the network.

    All calls ask for the same samples, or this would be another's answer. `room` is where it is written.
    """

    def __init__(self, mel: MelRows, weights: Packed, room: Float[Tensor, "blocks rows 2*channels"]) -> None:
        self.mel, self.weights, self.room = mel, weights, room
        self.known: dict[int, Rows] = {}

    def rows(self, block: int, start: Samples, end: Samples) -> Rows:
        """The projected mel of the samples from `start` to `end`: [rows, 2·channels]."""
        if block not in self.known:
            projection = self.weights.blocks[block].mel
            assert projection is not None
            out = self.room[block, : end - start]
            self.known[block] = torch.mm(self.mel.rows(block, start, end), projection, out=out)
        return self.known[block]
