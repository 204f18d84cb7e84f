"""Audio files in and out, and resampling."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.audio.atomic import written_whole
from audiodiff.audio.decoding import audio_header, decode, opened_audio
from audiodiff.errors import AudioError, OutputError
from audiodiff.types import Hertz

FULL_SCALE = 32768
"""One, in 16-bit samples: reading divides by it and writing multiplies, so that 16-bit files survive."""
LOUDEST = 2.0
"""Times full scale that a recording may reach: codecs and filters overshoot, integers taken for floats reach more."""


def load_audio(path: str | os.PathLike[str], sample_rate: Hertz | None = None) -> Float[Tensor, " samples"]:
    """Read a file as mono float32 in [-1, 1] (channels are averaged), resampled to `sample_rate` when given.

    Raises `AudioError` for a file that is missing, unreadable, empty or not finite.
    """
    samples, native_rate = decode(path)
    wave = torch.from_numpy(samples.mean(axis=1, dtype=np.float32))
    check_wave(wave, path)
    return wave if sample_rate in (None, native_rate) else resample(wave, native_rate, sample_rate)


def audio_sample_rate(path: str | os.PathLike[str]) -> Hertz:
    """The rate at which a file was recorded, from its header; raises `AudioError` as `load_audio` does."""
    return audio_header(path).sample_rate


def check_wave(wave: Float[Tensor, " samples"], path: str | os.PathLike[str]) -> None:
    """Raise `AudioError` for samples that are not finite or far beyond full scale."""
    if not wave.isfinite().all():
        raise AudioError(f"{path} holds {int((~wave.isfinite()).sum())} samples that are NaN or infinite")
    check_level(wave, path)


def check_level(wave: Float[Tensor, " samples"], path: str | os.PathLike[str]) -> None:
    """Raise `AudioError` for samples far beyond full scale, which would come out clipped."""
    peak = float(wave.abs().max()) if len(wave) else 0.0
    if peak > LOUDEST:
        by = f"{FULL_SCALE}, if they were 16-bit integers" if 100 < peak <= 2 * FULL_SCALE else f"{peak:.4g}"
        raise AudioError(
            f"{path} reaches {peak:.4g} times full scale: float samples must lie in [-1, 1]; divide them by {by}"
        )


def save_audio(
    path: str | os.PathLike[str],
    wave: Float[Tensor, " samples"],
    sample_rate: Hertz,
    encoding: Literal["PCM_16", "FLOAT"] = "PCM_16",
    comment: str = "",
) -> None:
    """Write mono audio whole or not at all; the suffix names the format, 16-bit samples are clipped at ±1.

    A `comment` goes into the file's metadata, in a .wav behind the samples, where it disturbs no simple reader.

    Raises `AudioError` for a waveform that is empty or not finite, `OutputError` when writing fails.
    """
    if wave.dim() != 1 or not len(wave):
        raise AudioError(f"expected a waveform of shape [samples], got {tuple(wave.shape)}")
    with audio_written(path, sample_rate, encoding, comment) as write:
        write(wave)


@contextmanager
def audio_written(
    path: str | os.PathLike[str],
    sample_rate: Hertz,
    encoding: Literal["PCM_16", "FLOAT"] = "PCM_16",
    comment: str = "",
) -> Iterator[Callable[[Float[Tensor, " samples"]], None]]:
    """Yield a function that writes the next piece; the file appears whole at the end, or not at all.

    The rest, errors among it, is as for `save_audio`.
    """
    import soundfile

    def write(wave: Float[Tensor, " samples"]) -> None:
        if not wave.isfinite().all():
            raise AudioError(f"the waveform for {path} holds values that are NaN or infinite")
        samples = wave.detach().cpu().numpy().astype(np.float32)
        if encoding == "PCM_16":
            samples = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        file.write(samples)

    with written_whole(path) as scratch:
        try:
            file = soundfile.SoundFile(cast(str, os.fsencode(scratch)), "w", sample_rate, channels=1, subtype=encoding)
        except (soundfile.SoundFileError, TypeError, ValueError) as error:
            raise OutputError(f"cannot write {path} as {encoding} audio: {error}") from error
        try:
            with file:
                if comment and file.format != "WAV":
                    file.comment = comment
                yield write
                if comment and file.format == "WAV":
                    file.comment = comment
        except soundfile.SoundFileError as error:
            raise OutputError(f"cannot write {path} as {encoding} audio: {error}") from error


def audio_comment(path: str | os.PathLike[str]) -> str:
    """The comment in a file's metadata, "" where there is none; raises `AudioError` as `load_audio` does."""
    with opened_audio(path) as file:
        return file.comment


def resample(
    wave: Float[Tensor, "*batch samples"], from_rate: float, to_rate: Hertz
) -> Float[Tensor, "*batch resampled"]:
    """Change the sample rate with soxr's best-known filter (HQ): n samples become ceil(n * to / from)."""
    import soxr

    if from_rate == to_rate:
        return wave
    n_samples = int(-(-wave.shape[-1] * to_rate // from_rate))
    rows = wave.detach().cpu().float().reshape(-1, wave.shape[-1]).numpy()
    resampled = np.zeros((len(rows), n_samples), dtype=np.float32)
    for row, out in zip(rows, resampled, strict=True):
        samples = soxr.resample(row, from_rate, to_rate)[:n_samples]
        out[: len(samples)] = samples
    return torch.from_numpy(resampled).reshape(*wave.shape[:-1], n_samples).to(wave.device)
