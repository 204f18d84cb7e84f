"""Recordings of any length, decoded and resampled some samples at a time."""

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.audio.decoding import AudioHeader, check_complete, checked_header, opened_audio
from audiodiff.audio.io import check_wave
from audiodiff.types import Hertz, Samples

if TYPE_CHECKING:
    from soundfile import SoundFile

BLOCK: Samples = 1 << 16
"""Samples of each channel that are decoded at a time."""
Block = Float[Tensor, " samples"]


def audio_blocks(path: str | os.PathLike[str], sample_rate: Hertz | None = None) -> Iterator[Block]:
    """Yield the samples of `load_audio` from first to last; it raises what that does, some of it only at the end."""
    with opened_audio(path) as file:
        header = checked_header(file, path)
        blocks = _decoded(file, header, path)
        if sample_rate in (None, header.sample_rate):
            yield from blocks
        else:
            yield from resampled_blocks(blocks, header.sample_rate, sample_rate)


def audio_length(path: str | os.PathLike[str], sample_rate: Hertz) -> Samples:
    """Number of samples of a recording at a rate, from decoding all of it; raises `AudioError` as `load_audio` does."""
    with opened_audio(path) as file:
        header = checked_header(file, path)
        return resampled_length(sum(map(len, _decoded(file, header, path))), header.sample_rate, sample_rate)


def resampled_length(n_samples: Samples, from_rate: Hertz, to_rate: Hertz) -> Samples:
    """Number of samples that `resample` makes of `n_samples`."""
    return -(-n_samples * to_rate // from_rate)


def resampled_blocks(blocks: Iterable[Block], from_rate: Hertz, to_rate: Hertz) -> Iterator[Block]:
    """Yield what `resample` makes of the blocks in one piece, to rounding."""
    import soxr

    stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality="HQ")
    taken = given = 0
    for block in blocks:
        taken += len(block)
        made = stream.resample_chunk(block.numpy())
        given += len(made)
        yield torch.from_numpy(made.copy())
    missing = resampled_length(taken, from_rate, to_rate) - given
    rest = stream.resample_chunk(np.zeros(0, np.float32), last=True)[:missing]
    yield torch.from_numpy(np.pad(rest, (0, missing - len(rest))))


def _decoded(file: "SoundFile", header: AudioHeader, path: str | os.PathLike[str]) -> Iterator[Block]:
    """The samples of an open file, mono and checked."""
    taken = 0
    while len(samples := np.asarray(file.read(BLOCK, dtype="float32", always_2d=True), np.float32)):
        taken += len(samples)
        wave = torch.from_numpy(samples.mean(axis=1, dtype=np.float32))
        check_wave(wave, path)
        yield wave
    check_complete(header, taken, file, path)
