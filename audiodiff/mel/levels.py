"""Values that a mel can have: beyond them a file is damaged, and a network answers with nonsense."""

import math

from torch import Tensor

from audiodiff.errors import MelError
from audiodiff.mel.spec import MelSpec

_MARGIN = 1e4
"""Factor of magnitude, 80 dB, beyond full scale and below the floor: loud and predicted mels are let through."""
_QUIETEST = 1e-12
"""Magnitude that stands for silence where a convention has no floor."""
_ANY = 1e5
"""Bound of a mel whose convention is not known."""


def possible_values(spec: MelSpec) -> tuple[float, float]:
    """The lowest and the highest value that a mel of this convention may hold."""
    weights = spec.n_fft / spec.sample_rate if spec.mel_norm == "slaney" else spec.n_fft / 16
    loudest = weights * (_MARGIN * spec.win_length / 2) ** spec.power
    quietest = (spec.floor or _QUIETEST**spec.power) / _MARGIN**spec.power
    found = [stored for level in (quietest, loudest) for stored in _stored(spec, level)]
    if spec.silence is not None:
        found.append(spec.silence)
    if spec.range is None:
        return min(found), max(found)
    lowest, highest = spec.range
    return lowest - (highest - lowest), highest + (highest - lowest)


def check_values(mel: Tensor, spec: MelSpec | None, name: str = "the mel") -> None:
    """Raise `MelError` for a mel with values that no sound has in its convention."""
    lowest, highest = (-_ANY, _ANY) if spec is None else possible_values(spec)
    low, high = float(mel.min()), float(mel.max())
    if low < lowest or high > highest:
        raise MelError(
            f"{name} holds values from {low:.4g} to {high:.4g}, sound has {lowest:.4g} to {highest:.4g} in its "
            "convention: it is damaged, or in another convention"
        )


def _stored(spec: MelSpec, level: float) -> list[float]:
    """The values that stand for a level, in the bands where they differ most."""
    logarithm = spec.gain * (math.log(level) if spec.log_base == "e" else math.log10(level))
    shifts = spec.shift if isinstance(spec.shift, tuple) else (spec.shift,)
    scales = spec.scale if isinstance(spec.scale, tuple) else (spec.scale,)
    return [(logarithm - shift) / scale for shift in {min(shifts), max(shifts)} for scale in {min(scales), max(scales)}]
