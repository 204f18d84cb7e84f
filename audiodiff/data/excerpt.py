"""Parts of recordings, decoded and resampled without reading the rest."""

import os
from math import gcd
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.audio.decoding import audio_frames, audio_header, opened_audio
from audiodiff.audio.io import check_level, resample
from audiodiff.errors import AudioError
from audiodiff.types import Hertz, Samples

MARGIN = 1024
"""Samples on each side of an excerpt that the resampling filter may look at."""


def length_of(path: str | os.PathLike[str], sample_rate: Hertz) -> Samples:
    """Number of samples of a recording at `sample_rate`, by its header.

    Raises `AudioError` for a file that is missing, unreadable or empty.
    """
    return -(-audio_frames(path) * sample_rate // audio_header(path).sample_rate)


def read_excerpt(path: Path, sample_rate: Hertz, start: Samples, stop: Samples) -> Float[Tensor, " samples"]:
    """Samples `start` to `stop` of what `load_audio(path, sample_rate)` gives; fewer where the recording ends.

    Where the rate changes, the excerpt is cut at a multiple of the two rates' common period, so that its samples
    fall exactly on those of the whole. Raises `AudioError` for what cannot be read or is not finite.
    """
    with opened_audio(path) as file:
        native = file.samplerate
        margin = 0 if native == sample_rate else MARGIN
        period = native // gcd(native, sample_rate)
        first = max(0, start * native // sample_rate - margin) // period * period
        file.seek(min(first, file.frames))
        samples = file.read(-(-stop * native // sample_rate) + margin - first, dtype="float32", always_2d=True)
    wave = torch.from_numpy(samples.mean(axis=1))
    if not len(wave):
        raise AudioError(f"{path} ends before sample {start}: it is shorter than its header says")
    if not wave.isfinite().all():
        raise AudioError(f"{path} holds {int((~wave.isfinite()).sum())} samples that are NaN or infinite")
    check_level(wave, path)
    skipped = first * sample_rate // native
    return resample(wave, native, sample_rate)[start - skipped : stop - skipped]
