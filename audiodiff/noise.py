"""Noise that depends on the seed and on where a sample lies, on nothing else."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product

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
        draw, self.draws = self.draws, self.draws + 1
        if not like.is_cuda:
            return self.at(draw, 0, like.shape[-1]).to(like)
        blocks = _blocks(self.seeds, draw, 0, like.shape[-1], threads=torch.get_num_threads(), pinned=True)
        return blocks.to(like.device, like.dtype, non_blocking=True).flatten(1)[:, : like.shape[-1]]

    def at(self, draw: int, start: Samples, stop: Samples) -> Float[Tensor, "batch samples"]:
        """The samples from `start` to `stop` of a draw, without drawing."""
        before = start // NOISE_BLOCK * NOISE_BLOCK
        return _blocks(self.seeds, draw, start, stop).flatten(1)[:, start - before : stop - before].contiguous()


def _blocks(
    seeds: Sequence[int], draw: int, start: Samples, stop: Samples, *, threads: int = 1, pinned: bool = False
) -> Float[Tensor, "batch blocks samples"]:
    """The blocks in which the samples from `start` to `stop` lie, drawn by some threads, for a GPU in pinned memory."""
    first = start // NOISE_BLOCK
    indices = range(first, max(first + 1, -(-stop // NOISE_BLOCK)))
    with torch.inference_mode(False):  # or other threads could not write to it
        white = torch.empty(len(seeds), len(indices), NOISE_BLOCK, dtype=torch.float32, device="cpu", pin_memory=pinned)

    def fill(place: tuple[int, int]) -> None:
        item, index = place
        generator = torch.Generator().manual_seed(seed_of(seeds[item], draw, index))
        torch.randn(NOISE_BLOCK, generator=generator, out=white[item, index - first])

    places = list(product(range(len(seeds)), indices))
    if threads == 1:
        for place in places:
            fill(place)
    else:
        with ThreadPoolExecutor(min(threads, len(places))) as pool:
            list(pool.map(fill, places))
    return white


def seed_of(*parts: int) -> int:
    """A seed for torch that depends on every one of `parts`; near parts give unrelated seeds."""
    digest = hashlib.sha256(" ".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
