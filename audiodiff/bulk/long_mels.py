"""Mels and recordings of any length, read, vocoded and written piece by piece."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
import torch

from audiodiff.audio.blocks import audio_blocks, audio_length
from audiodiff.audio.decoding import audio_header
from audiodiff.audio.io import audio_written
from audiodiff.mel import MelFile, MelSpec
from audiodiff.mel.extraction_stream import mel_blocks, whole_frames
from audiodiff.streaming import LONG
from audiodiff.streaming.inputs import VocodeOptions, checked_track, contract_of, seeds_for
from audiodiff.types import OneMel, Samples
from audiodiff.vocoder import Vocoder

PIECE = 512
"""Frames that are read at a time."""


@dataclass(frozen=True, eq=False)
class LongMel:
    """A mel of `frames` frames in pieces of `PIECE`, as often as wanted; `spec` is what it is said to be in."""

    frames: int
    pieces: Callable[[], Iterator[OneMel]]
    spec: MelSpec | None

    @classmethod
    def of(cls, frames: int, piece: Callable[[int, int], OneMel], spec: MelSpec | None) -> Self:
        """One of which any piece can be had."""
        starts = range(0, frames, PIECE)
        return cls(frames, lambda: (piece(start, min(start + PIECE, frames)) for start in starts), spec)

    def beginning(self) -> OneMel:
        """The first `LONG` frames."""
        return torch.cat(list(islice(self.pieces(), LONG // PIECE)), dim=1)


def cut_if_long(file: MelFile) -> MelFile | LongMel:
    """A mel that was read, made ready for pieces if it is long."""
    frames = file.mel.shape[1]
    return LongMel.of(frames, lambda start, end: file.mel[:, start:end], file.spec) if frames > LONG else file


def open_recording(path: Path, spec: MelSpec) -> LongMel | None:
    """The mel of a long recording, which is decoded, resampled and analysed while it is read; None for a short one.

    It is decoded twice, the first time to learn that it is whole and how long it is. Raises `AudioError` as
    `load_audio` does.
    """
    header, longest = audio_header(path), LONG * spec.hop_length
    if header.frames is not None and header.frames * spec.sample_rate <= longest * header.sample_rate:
        return None
    frames = whole_frames(spec, audio_length(path, spec.sample_rate))
    if frames <= LONG:
        return None
    return LongMel(frames, lambda: mel_blocks(spec, audio_blocks(path, spec.sample_rate), PIECE), spec)


def open_long(path: Path, spec: MelSpec | None, n_mels: int, *, transposed: bool) -> LongMel | None:
    """The mel of an .npy file that is long and of the right shape, without reading it; None for all others."""
    if path.suffix.lower() != ".npy":
        return None
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):  # whatever is wrong with it, those who read it whole will say
        return None
    if not isinstance(stored, np.memmap):
        return None
    mel = stored[0] if stored.ndim == 3 and len(stored) == 1 else stored
    mel = mel.T if transposed else mel
    if mel.ndim != 2 or mel.shape[0] != n_mels or mel.shape[1] <= LONG or mel.dtype.kind != "f":
        return None
    return LongMel.of(mel.shape[1], piece_reader(path, mel, stored.offset), spec)


def piece_reader(path: Path, mel: np.ndarray, offset: int) -> Callable[[int, int], OneMel]:
    """A function that reads the frames from one to another; no more of the file than these is mapped at a time."""
    (n_mels, frames), dtype, by_bands = mel.shape, mel.dtype, mel.flags.c_contiguous

    def mapped(first: int, shape: tuple[int, ...]) -> np.ndarray:
        return np.array(np.memmap(path, dtype, "r", offset + first * dtype.itemsize, shape), dtype=np.float32)

    def piece(start: int, end: int) -> OneMel:
        if by_bands:
            bands = [mapped(band * frames + start, (end - start,)) for band in range(n_mels)]
            return torch.from_numpy(np.stack(bands))
        return torch.from_numpy(mapped(start * n_mels, (end - start, n_mels))).mT.contiguous()

    return piece


def vocode_long(
    vocoder: Vocoder,
    mel: LongMel,
    target: Path,
    options: VocodeOptions,
    *,
    comment: str,
    advance: Callable[[float], None],
) -> Samples:
    """Vocode into `target`, whole or not at all; call `advance` with the share that is done; return the length.

    Where no convention is declared it is guessed from the beginning.
    """
    want, convert = vocoder.mel_spec, options.get("convert", "exact")
    if mel.spec is None:
        contract_of(None, want, convert).mel(mel.beginning())
    f0 = options.get("f0")
    track = None if f0 is None else checked_track(f0, mel.frames, vocoder.sample_rate)
    stream = vocoder.stream(
        live=False,
        n_steps=options.get("n_steps"),
        sampler=options.get("sampler"),
        seed=seeds_for(options.get("seed", 0), 1)[0],
        temperature=options.get("temperature", 1.0),
        spec=mel.spec,
        convert=convert,
    )
    with audio_written(target, vocoder.sample_rate, comment=comment) as write:
        for start, piece in zip(range(0, mel.frames, PIECE), mel.pieces(), strict=True):
            end = start + piece.shape[1]
            write(stream.feed(piece, None if track is None else track[start:end]))
            advance(end / mel.frames)
        write(stream.flush())
    return mel.frames * want.hop_length
