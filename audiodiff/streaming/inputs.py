"""Input of a vocoder from strangers: mels, lengths, seeds, options, and the checks that they go through."""

from collections.abc import Callable, Sequence
from typing import TypedDict

import torch
from torch import Tensor
from torch.nn import functional as F

from audiodiff.diffusion import Times
from audiodiff.errors import ConfigError, MelError, MelMismatchError
from audiodiff.mel.contract import Convert, fit_mel
from audiodiff.mel.spec import MelSpec
from audiodiff.types import AnyMel, Mel, OneMel, OneWave, Samples, Wave

Lengths = Sequence[int] | Tensor


class VocodeOptions(TypedDict, total=False):
    """Options of vocoding; every key may be left out.

    `steps` is the number of network steps or the very grid, `sampler` one of `audiodiff.diffusion.SAMPLERS`; None takes
    the model's own. `seed` is one for all mels or one for each; the same seed gives the same waveform.

    `spec` is the convention that the mel is in. It is converted to the model's where a formula does that, with a
    warning, and with `convert="approximate"` also where an estimate is needed. Without `spec` it is guessed from
    the values, which takes time and refuses what looks like anything else; `spec=vocoder.mel_spec` says that you know.

    `progress` is called with the share of the work that is done, from 0 to 1.
    """

    steps: int | Times | None
    sampler: str | None
    seed: int | Sequence[int]
    spec: MelSpec | None
    convert: Convert
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
    return fit_mel(batch, spec, want, convert)


def seeds_for(seed: int | Sequence[int], batch: int) -> list[int]:
    """One seed for each of `batch` mels; raises `ConfigError` if there are not as many as mels."""
    seeds = [seed] * batch if isinstance(seed, int) else list(seed)
    if len(seeds) != batch:
        raise ConfigError(f"got {len(seeds)} seeds for {batch} mels: give one seed, or one for each mel")
    return seeds


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
