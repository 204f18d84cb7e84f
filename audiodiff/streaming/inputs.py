"""Input of a vocoder from strangers: mels, lengths, seeds, options, and the checks that they go through."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, SupportsIndex, TypedDict, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from audiodiff.diffusion import Times
from audiodiff.errors import ConfigError, MelError, MelMismatchError
from audiodiff.mel import convention
from audiodiff.mel.contract import Convert, fit_mel
from audiodiff.mel.levels import check_values
from audiodiff.mel.spec import MelSpec
from audiodiff.models.diffusion_model import SamplingPlan
from audiodiff.streaming.foreign_arrays import AnyArray, NumpyArray, is_array, tensor_of
from audiodiff.types import Hertz, Mel, OneF0, OneMel, OneWave, Samples, Temperature, Wave

Numbers = Sequence[SupportsIndex] | Tensor | NumpyArray
"""Whole numbers of Python, NumPy or torch."""
Seed = SupportsIndex | Numbers
SpecOrName = MelSpec | str
GivenF0 = AnyArray | Sequence[AnyArray]


class VocodeOptions(TypedDict, total=False):
    """Options of vocoding; every key may be left out.

    `n_steps` is the number of network steps, or `times` the very grid; `sampler` is one of
    `audiodiff.diffusion.SAMPLERS`; None takes the model's own. `seed` is one for all mels or one for each; the same
    seed gives the same waveform. `temperature` is the factor on all noise of the sampler: 1 as the model was trained, 0
    for none, where every seed gives the same.

    `spec` is the convention that the mel is in, or its name. It is converted to the model's where a formula does that,
    with a warning, and with `convert="approximate"` also where an estimate is needed. Without `spec` it is guessed from
    the values, which takes time and refuses what looks like anything else; `spec=vocoder.mel_spec` says that you know.

    `f0` [frames] in hertz, 0 where unvoiced, replaces the mel's own in a voice with a `SourceFilter` prior; it is one
    for each mel, as `Vocoder.pitch` gives it, in a list or in rows. A stream takes it with every piece.

    `progress` is called with the share of the work that is done, from 0 to 1.
    """

    n_steps: int | None
    times: Times | None
    sampler: str | None
    seed: Seed
    temperature: Temperature
    spec: SpecOrName | None
    convert: Convert
    f0: GivenF0 | None
    progress: Callable[[float], None]


class StreamOptions(TypedDict, total=False):
    """Those of them that `Vocoder.stream` takes, too; one seed for the one mel."""

    n_steps: int | None
    times: Times | None
    sampler: str | None
    seed: SupportsIndex
    temperature: Temperature
    spec: SpecOrName | None
    convert: Convert


@dataclass(frozen=True)
class MelContract:
    """The convention that mels are said to be in, that which they are wanted in, and what may be done between them."""

    have: MelSpec | None
    want: MelSpec
    convert: Convert

    def mels(self, given: object) -> Mel:
        """The mels [batch, n_mels, frames] in the wanted convention, in float32 on the CPU; raises as `checked`."""
        return checked(given, self.have, self.want, self.convert)

    def mel(self, given: object) -> Mel:
        """The same for one mel alone, [1, n_mels, frames]; raises `MelError` for more."""
        mels = self.mels(given)
        if len(mels) != 1:
            raise MelError(f"got {len(mels)} mels in one batch: a single mel is expected here")
        return mels


@dataclass(frozen=True, kw_only=True, eq=False)
class VocodeCall:
    """The options of one call, checked as far as they can be without its mels."""

    plan: SamplingPlan
    contract: MelContract
    seed: Seed
    f0: GivenF0 | None
    progress: Callable[[float], None]


def contract_of(spec: SpecOrName | None, want: MelSpec, convert: Convert) -> MelContract:
    """The contract by what the caller says; raises `ConfigError` for an unknown convention or conversion."""
    if convert not in get_args(Convert):
        raise ConfigError(f"got convert={convert!r}: choose one of {', '.join(get_args(Convert))}")
    return MelContract(None if spec is None else spec_of(spec, "spec"), want, convert)


def spec_of(given: SpecOrName, what: str = "mel") -> MelSpec:
    """The convention of that name, or the one that is given; raises `ConfigError` for what is neither."""
    spec = convention(given) if isinstance(given, str) else given
    if not isinstance(spec, MelSpec):
        raise ConfigError(f"got {what}={given!r:.60}: expected a MelSpec, or a convention's name such as 'hifigan_22k'")
    return spec


def checked(given: object, spec: MelSpec | None, want: MelSpec, convert: Convert) -> Mel:
    """The mels [batch, n_mels, frames] in the convention `want`, in float32 on the CPU.

    Raises `MelError` for what is no mel, is empty or not finite, `MelMismatchError` for another convention.
    """
    mel = tensor_of(given, "a mel")
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
    fitted = fit_mel(mel.reshape(-1, *shape[-2:]), spec, want, convert)
    check_values(fitted, want)
    return fitted


def seeds_for(seed: Seed, batch: int) -> list[int]:
    """One seed for each of `batch` mels; raises `ConfigError` if there are not as many as mels."""
    if (one := whole_number(seed)) is not None:
        return [one] * batch
    seeds = whole_numbers(seed, "seed")
    if len(seeds) != batch:
        raise ConfigError(f"got {len(seeds)} seeds for {batch} mels: give one seed, or one for each mel")
    return seeds


def whole_number(given: Any) -> int | None:  # noqa: ANN401 (a stranger's value)
    """The whole number that this is, of Python, NumPy or torch; None for anything else, truth values among them."""
    try:
        return None if isinstance(given, bool) else index(given)
    except TypeError:
        return None


def whole_numbers(given: Any, what: str) -> list[int]:  # noqa: ANN401 (a stranger's value)
    """Several of them; raises `ConfigError` for anything else."""
    try:
        return [index(one) for one in given]
    except TypeError as error:
        raise ConfigError(f"got {what} {given!r:.60}: expected whole numbers") from error


def checked_f0(
    f0: GivenF0 | None,
    mels: Iterable[OneMel],
    sample_rate: Hertz,
    lengths: Numbers | None = None,
) -> list[OneF0] | None:
    """The f0 that is given for every mel, in float64 on the CPU, cut to `lengths` if there are any; None for None.

    Raises `ConfigError` for other than one f0 for each mel, `MelError` for what cannot be the f0 of that mel.
    """
    if f0 is None:
        return None
    try:
        tracks = [f0] if is_array(f0) and f0.ndim == 1 else list(f0)
    except TypeError as error:
        raise ConfigError(f"got f0={f0!r:.60}: expected an f0 [frames] for each mel") from error
    counts = [mel.shape[-1] for mel in mels]
    if len(tracks) != len(counts):
        raise ConfigError(f"got f0 for {len(tracks)} mels beside {len(counts)} mels: give one f0 [frames] for each")
    found = [checked_track(track, frames, sample_rate) for track, frames in zip(tracks, counts, strict=True)]
    ends = counts if lengths is None else whole_numbers(lengths, "lengths")
    return [track[:end] for track, end in zip(found, ends, strict=False)]


def checked_track(given: object, frames: int, sample_rate: Hertz) -> OneF0:
    """The f0 of one mel in float64 on the CPU; raises `MelError` for what it cannot be."""
    f0 = tensor_of(given, "an f0", dtype=torch.float64, whole=True)
    if f0.shape != (frames,):
        raise MelError(f"got an f0 of shape {tuple(f0.shape)} for a mel of {frames} frames: expected ({frames},)")
    highest = sample_rate / 4
    if not (f0.isfinite() & (f0 >= 0) & (f0 <= highest)).all():
        raise MelError(
            f"got an f0 from {f0.min().item():g} to {f0.max().item():g}: expected up to {highest:g} Hz, a quarter of "
            "the sample rate, and 0 where unvoiced"
        )
    return f0


def unpadded(mels: Mel, lengths: Numbers) -> list[OneMel]:
    """The items of a padded batch, each cut to its length.

    Raises `ConfigError` for lengths that do not fit, `MelError` for a batch of no items or of no frames.
    """
    counts = whole_numbers(lengths, "lengths")
    if mels.ndim != 3 or len(counts) != len(mels):
        raise ConfigError(
            f"got {len(counts)} lengths for mels of shape {tuple(mels.shape)}: "
            "give a batch [batch, n_mels, frames] and one length for each item"
        )
    if not mels.numel():
        raise MelError(f"got an empty mel of shape {tuple(mels.shape)}: expected at least one frame")
    if wrong := [count for count in counts if not 0 < count <= mels.shape[-1]]:
        raise ConfigError(f"got lengths {wrong}: expected 1 to {mels.shape[-1]} frames, as the batch has")
    return [mel[:, :count] for mel, count in zip(mels, counts, strict=True)]


def padded(waves: Sequence[OneWave], samples: Samples) -> Wave:
    """The waveforms as one batch, zero behind the end of each."""
    return torch.stack([F.pad(wave, (0, samples - len(wave))) for wave in waves])
