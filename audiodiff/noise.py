"""Noise that depends on the seed and on where a sample lies, on nothing else."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

BLOCK = 1 << 14


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
        rows = [self._row(seed, like.shape[-1]) for seed in self.seeds]
        self.draws += 1
        return torch.stack(rows).to(like)

    def _row(self, seed: int, samples: int) -> Tensor:
        blocks = [_block(seed, self.draws, start // BLOCK) for start in range(0, samples, BLOCK)]
        return torch.cat(blocks)[:samples]


def seed_of(*parts: int) -> int:
    """A seed for torch that depends on every one of `parts`; near parts give unrelated seeds."""
    digest = hashlib.sha256(" ".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def _block(seed: int, draw: int, index: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed_of(seed, draw, index))
    return torch.randn(BLOCK, generator=generator)
