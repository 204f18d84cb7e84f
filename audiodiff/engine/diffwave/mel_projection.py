"""The mel as each block of a network sees it, some samples at a time: stretched, and projected to its halves."""

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.engine.diffwave.packed_weights import PackedWeights
from audiodiff.errors import ConfigError
from audiodiff.networks.upsampling import BlockUpsamplers, MelUpsampler
from audiodiff.types import OneMel, Samples

SampleRows = Float[Tensor, "rows values"]


class MelRows(Protocol):
    """A stretched mel, as a block sees it."""

    def rows(self, block: int, start: Samples, end: Samples) -> SampleRows:
        """Of the samples from `start` to `end`."""
        ...


class SharedMel:
    """One stretched mel for all blocks, made once, as factors of `dtype`."""

    def __init__(self, upsampler: MelUpsampler, mel: OneMel, dtype: torch.dtype) -> None:
        self.stretched = upsampler(mel.unsqueeze(0))[0].T.to(dtype).contiguous()

    def rows(self, block: int, start: Samples, end: Samples) -> SampleRows:
        """The stretched mel of the samples from `start` to `end`: [rows, n_mels]."""
        return self.stretched[start:end]


class MelPerBlock:
    """A mel stretched by each block's own upsampler for the samples asked for: the whole of all would be too much."""

    def __init__(
        self, upsamplers: BlockUpsamplers, mel: OneMel, hop_length: Samples, blocks: int, dtype: torch.dtype
    ) -> None:
        if blocks != len(upsamplers):
            raise ConfigError(f"{len(upsamplers)} upsamplers for a network of {blocks} blocks: give one for each")
        self.upsamplers, self.mel, self.hop_length, self.dtype = list(upsamplers), mel, hop_length, dtype
        self.radius = upsamplers.radius

    def rows(self, block: int, start: Samples, end: Samples) -> SampleRows:
        """The stretched mel of the samples from `start` to `end`: [rows, n_mels]."""
        first = max(0, (start - self.radius) // self.hop_length)
        last = -(-(end + self.radius) // self.hop_length)
        stretched = self.upsamplers[block](self.mel[None, :, first:last])[0]
        begin = first * self.hop_length
        return stretched[:, start - begin : end - begin].T.to(self.dtype)


class PartOfMel:
    """The rows of a mel of which only a part is at hand, from sample `offset` on."""

    def __init__(self, part: MelRows, offset: Samples) -> None:
        self.part, self.offset = part, offset

    def rows(self, block: int, start: Samples, end: Samples) -> SampleRows:
        """Those of the whole."""
        return self.part.rows(block, start - self.offset, end - self.offset)


class Begin(Protocol):
    """The mel's share of the two halves of one block, for some samples."""

    def __call__(self, out: SampleRows, bias: Tensor | None = None) -> SampleRows:
        """Return it, in `out` or in memory of its own; with a bias added, always in `out`."""
        ...


class Shown(Protocol):
    """The mel's share of the two halves of every block."""

    def rows(self, index: int, start: Samples, end: Samples, out: SampleRows, bias: Tensor | None = None) -> SampleRows:
        """The mel for the block of an `index` and the samples from `start` to `end`, as `Begin` says."""
        ...


class StretchedMel:
    """A mel that is projected whenever a block asks."""

    def __init__(self, mel: MelRows, weights: PackedWeights) -> None:
        self.mel, self.weights = mel, weights

    def rows(self, index: int, start: Samples, end: Samples, out: SampleRows, bias: Tensor | None = None) -> SampleRows:
        """Project the mel."""
        stretched, projection = self.mel.rows(index, start, end), self.weights.projection(index)
        if bias is None:
            return torch.mm(stretched, projection, out=out)
        return torch.addmm(bias, stretched, projection, out=out)


class ProjectedMel:
    """A mel that is projected once and kept for the other calls of the network, whose bias is another.

    The first call asks for more than all others, which ask for the same samples in the same order, all at once or in
    parts. `buffer` is where it is written, if it shall not be in new memory.
    """

    def __init__(
        self, mel: MelRows, weights: PackedWeights, buffer: Float[Tensor, "blocks rows 2*channels"] | None
    ) -> None:
        self.mel, self.weights, self.buffer = mel, weights, buffer
        self.known: dict[int, tuple[Samples, SampleRows]] = {}

    def rows(self, index: int, start: Samples, end: Samples, out: SampleRows, bias: Tensor | None = None) -> SampleRows:
        """Return the known projection, or project the mel."""
        if index not in self.known:
            stretched, buffer = self.mel.rows(index, start, end), None
            if self.buffer is not None:
                buffer = self.buffer[index, : end - start]
            self.known[index] = start, torch.mm(stretched, self.weights.projection(index), out=buffer)
        first, rows = self.known[index]
        rows = rows[start - first : end - first]
        return rows if bias is None else torch.add(rows, bias, out=out)
