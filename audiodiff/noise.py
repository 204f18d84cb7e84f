"""Noise that depends on the seed and on where a sample lies, on nothing else."""

import hashlib
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.types import Samples

NOISE_BLOCK = 1 << 14


class SampleNoise:
    """Standard normal noise for a batch, a fresh draw at every call, item i from `seeds[i]`.

    Sample n of draw d is a function of (seed, d, n) alone, so that a waveform sounds the same by itself, in a
    batch and in a longer run, on every device.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self.seeds = tuple(seeds)
        self.draws = 0

    def __call__(self, like: Tensor) -> Tensor:
        """Draw noise in the shape [batch, samples] of `like`, on its device and in its dtype."""
        white = self.at(self.draws, 0, like.shape[-1])
        self.draws += 1
        return white.to(like)

    def at(self, draw: int, start: Samples, stop: Samples) -> Float[Tensor, "batch samples"]:
        """The samples from `start` to `stop` of a draw, without drawing."""
        return torch.stack([_row(seed, draw, start, stop) for seed in self.seeds])


def _row(seed: int, draw: int, start: Samples, stop: Samples) -> Float[Tensor, " samples"]:
    first = start // NOISE_BLOCK
    blocks = [_block(seed, draw, index) for index in range(first, max(first + 1, -(-stop // NOISE_BLOCK)))]
    return torch.cat(blocks)[start - first * NOISE_BLOCK : stop - first * NOISE_BLOCK]


def seed_of(*parts: int) -> int:
    """A seed for torch that depends on every one of `parts`; near parts give unrelated seeds."""
    digest = hashlib.sha256(" ".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def _block(seed: int, draw: int, index: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed_of(seed, draw, index))
    return torch.randn(NOISE_BLOCK, generator=generator, dtype=torch.float32)
