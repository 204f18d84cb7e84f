"""Input of a vocoder from strangers: mels, lengths, seeds, options, and the checks that they go through."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypedDict

import torch
from torch import Tensor
from torch.nn import functional as F

from audiodiff.diffusion import Times
from audiodiff.errors import ConfigError, MelError, MelMismatchError
from audiodiff.mel.contract import Convert, fit_mel
from audiodiff.mel.levels import check_values
from audiodiff.mel.spec import MelSpec
from audiodiff.types import AnyMel, Hertz, Mel, OneF0, OneMel, OneWave, Samples, Wave

Lengths = Sequence[int] | Tensor


class VocodeOptions(TypedDict, total=False):
    """Options of vocoding; every key may be left out.

    `steps` is the number of network steps or the very grid, `sampler` one of `audiodiff.diffusion.SAMPLERS`; None takes
    the model's own. `seed` is one for all mels or one for each; the same seed gives the same waveform.

    `spec` is the convention that the mel is in. It is converted to the model's where a formula does that, with a
    warning, and with `convert="approximate"` also where an estimate is needed. Without `spec` it is guessed from
    the values, which takes time and refuses what looks like anything else; `spec=vocoder.mel_spec` says that you know.

    `f0` [frames] in hertz, 0 where unvoiced, replaces the mel's own in a voice with a `SourceFilter` prior; it is one
    for each mel, as `Vocoder.pitch` gives it, in a list or in rows. A stream takes it with every piece.

    `progress` is called with the share of the work that is done, from 0 to 1.
    """

    steps: int | Times | None
    sampler: str | None
    seed: int | Sequence[int]
    spec: MelSpec | None
    convert: Convert
    f0: Tensor | Sequence[Tensor] | None
    progress: Callable[[float], None]


def checked(mel: AnyMel, spec: MelSpec | None, want: MelSpec, convert: Convert) -> Mel:
    """The mels [batch, n_mels, frames] in the convention `want`, in float32 on the CPU.

    Raises `MelError` for what is no mel, is empty or not finite, `MelMismatchError` for another convention.
    """
    n_mels, shape = (spec or want).n_mels, tuple(mel.shape)
    if mel.ndim not in (2, 3):
        raise MelError(f"got a mel of shape {shape}: expected [{n_mels}, frames] or [batch, {n_mels}, frames]")
    if shape[-2] != n_mels:
        hint = "it looks transposed" if shape[-1] == n_mels else "this model needs its own mel convention"
        raise MelMismatchError(f"got a mel of shape {shape}, expected {n_mels} bands before the frames: {hint}")
    if mel.numel() == 0:
        raise MelError(f"got an empty mel of shape {shape}: expected at least one frame")
    if not mel.isfinite().all():
        raise MelError("the mel holds NaN or infinite values: expected finite log magnitudes")
    batch = mel.detach().float().reshape(-1, *shape[-2:]).cpu()
    fitted = fit_mel(batch, spec, want, convert)
    check_values(fitted, want)
    return fitted


def seeds_for(seed: int | Sequence[int], batch: int) -> list[int]:
    """One seed for each of `batch` mels; raises `ConfigError` if there are not as many as mels."""
    seeds = [seed] * batch if isinstance(seed, int) else list(seed)
    if len(seeds) != batch:
        raise ConfigError(f"got {len(seeds)} seeds for {batch} mels: give one seed, or one for each mel")
    return seeds


def checked_f0(
    f0: Tensor | Sequence[Tensor] | None, mels: Iterable[OneMel], sample_rate: Hertz, lengths: Lengths | None = None
) -> list[OneF0] | None:
    """The f0 that is given for every mel, in float64 on the CPU, cut to `lengths` if there are any; None for None.

    Raises `ConfigError` for other than one f0 for each mel, `MelError` for what cannot be the f0 of that mel.
    """
    if f0 is None:
        return None
    tracks = [f0] if isinstance(f0, Tensor) and f0.ndim == 1 else list(f0)
    counts = [mel.shape[-1] for mel in mels]
    if len(tracks) != len(counts):
        raise ConfigError(f"got f0 for {len(tracks)} mels beside {len(counts)} mels: give one f0 [frames] for each")
    found = [checked_track(track, frames, sample_rate) for track, frames in zip(tracks, counts, strict=True)]
    ends = counts if lengths is None else [int(length) for length in lengths]
    return [track[:end] for track, end in zip(found, ends, strict=False)]


def checked_track(f0: Tensor, frames: int, sample_rate: Hertz) -> OneF0:
    """The f0 of one mel in float64 on the CPU; raises `MelError` for what it cannot be."""
    if f0.shape != (frames,):
        raise MelError(f"got an f0 of shape {tuple(f0.shape)} for a mel of {frames} frames: expected ({frames},)")
    highest = sample_rate / 4
    if not (f0.isfinite() & (f0 >= 0) & (f0 <= highest)).all():
        raise MelError(
            f"got an f0 from {f0.min().item():g} to {f0.max().item():g}: expected up to {highest:g} Hz, a quarter of "
            "the sample rate, and 0 where unvoiced"
        )
    return f0.detach().double().cpu()


def unpadded(mels: Mel, lengths: Lengths) -> list[OneMel]:
    """The items of a padded batch, each cut to its length; raises `ConfigError` for lengths that do not fit."""
    counts = [int(length) for length in lengths]
    if mels.ndim != 3 or len(counts) != len(mels):
        raise ConfigError(
            f"got {len(counts)} lengths for mels of shape {tuple(mels.shape)}: "
            "give a batch [batch, n_mels, frames] and one length for each item"
        )
    if wrong := [count for count in counts if not 0 < count <= mels.shape[-1]]:
        raise ConfigError(f"got lengths {wrong}: expected 1 to {mels.shape[-1]} frames, as the batch has")
    return [mel[:, :count] for mel, count in zip(mels, counts, strict=True)]


def padded(waves: Sequence[OneWave], samples: Samples) -> Wave:
    """The waveforms as one batch, zero behind the end of each."""
    return torch.stack([F.pad(wave, (0, samples - len(wave))) for wave in waves])
