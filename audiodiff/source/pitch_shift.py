"""Pitch shifts of recordings whose glottal closures are known, with formants left where they are."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from audiodiff.source.glottis import LONGEST
from audiodiff.source.pulses import Instants
from audiodiff.types import Hertz


def shift_pitch(
    wave: Float[Tensor, " samples"], instants: Instants, f0: Float[Tensor, " pulses"], factor: float, rate: Hertz
) -> tuple[Float[Tensor, " samples"], Instants]:
    """Move f0 by `factor`; returns the waveform and its closures.

    TD-PSOLA (Moulines & Charpentier 1990): grains of two periods around the closures are set down as many times closer
    together. `instants` are those of voiced closures in samples, rising, and `f0` is theirs in hertz. What no grain
    covers, such as unvoiced sounds, stays as it is.
    """
    if not len(instants):
        return wave, instants
    instants, half = instants.double(), (rate / f0.double()).ceil()
    placed, taken = _placed(instants, half, factor)
    reach = int(half.max())
    offsets = torch.arange(-reach, reach + 1)
    windows = (0.5 + 0.5 * torch.cos(torch.pi * (offsets / half.unsqueeze(1)).clamp(-1, 1))).to(wave)
    padded = F.pad(wave, (reach, reach))
    sources = instants.round().long().clamp(0, len(wave) - 1).unsqueeze(1) + offsets + reach
    grains = windows * padded[sources]
    covered = _overlapped(windows, sources, len(padded))
    targets = placed.round().long().clamp(0, len(wave) - 1).unsqueeze(1) + offsets + reach
    shifted = _overlapped(grains[taken], targets, len(padded)) / _overlapped(
        windows[taken], targets, len(padded)
    ).clamp_min(1)
    whole = shifted + (1 - covered).clamp_min(0) * padded
    return whole[reach : reach + len(wave)], placed


def _placed(instants: Instants, periods: Float[Tensor, " pulses"], factor: float) -> tuple[Instants, Tensor]:
    """The new closures, and which of the old ones each takes its grain from, run by run of whole periods."""
    breaks = (instants.diff() > LONGEST * periods[:-1]).nonzero().flatten() + 1
    placed, taken = [], []
    first = 0
    for run in instants.tensor_split(breaks.tolist()):
        number = torch.arange(int((len(run) - 1) * factor) + 1, dtype=torch.float64) / factor
        below = number.long().clamp_max(max(0, len(run) - 2))
        above = (below + 1).clamp_max(len(run) - 1)
        placed.append(torch.lerp(run[below], run[above], number - below))
        taken.append(first + number.round().long())
        first += len(run)
    return torch.cat(placed), torch.cat(taken)


def _overlapped(
    pieces: Float[Tensor, "pulses offsets"], places: Int[Tensor, "pulses offsets"], length: int
) -> Float[Tensor, " padded"]:
    """Overlapped and added."""
    return pieces.new_zeros(length).index_add_(0, places.flatten(), pieces.flatten())
