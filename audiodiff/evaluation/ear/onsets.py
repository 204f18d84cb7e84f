"""Pre-echo: the energy that a vocoder smears into the milliseconds before a burst."""

import numpy as np
from jaxtyping import Float64

from audiodiff.evaluation.ear.frames import band_pass
from audiodiff.evaluation.waveform import Signal
from audiodiff.types import Hertz, Seconds

_BAND = (1500.0, 8000.0)
_BLOCK: Seconds = 0.001
_BEFORE, _GAP, _AFTER = 5, 1, 4
"""In blocks: the energy before a burst is that of five, the block right before it left out; after it, of four."""
_RISE_DB, _LOUD = 15.0, 1e-2
"""A burst rises by so much, to at least this share of the loud blocks' energy."""
_SEARCH, _PAUSE = 6, 30
"""Blocks in which the steepest rise is looked for, and blocks after which the next burst may come."""
_FLOOR = 1e-6

Blocks = Float64[np.ndarray, " blocks"]


def pre_echo(reference: Signal, generated: Signal, sample_rate: Hertz) -> float | str:
    """Energy before the recording's bursts, 1.5 to 8 kHz, generated over recorded: mean of the dB over the bursts."""
    theirs, ours = (block_energies(signal, sample_rate) for signal in (reference, generated))
    if len(theirs) <= 2 * (_BEFORE + _GAP):
        return "too short to hold a burst"
    peak = float(np.percentile(theirs, 99))
    before, after = levels(theirs, _FLOOR * peak)
    found = bursts(before, after, _LOUD * peak)
    if not found:
        return "the recording has no burst"
    smeared, _ = levels(ours, _FLOOR * peak)
    return float(np.mean(10 * np.log10(smeared[found] / before[found])))


def block_energies(signal: Signal, sample_rate: Hertz) -> Blocks:
    """Energy of the band in every whole millisecond."""
    size = int(_BLOCK * sample_rate)
    power = np.square(band_pass(signal, _BAND, sample_rate))
    return power[: len(power) // size * size].reshape(-1, size).sum(axis=1)


def levels(energies: Blocks, floor: float) -> tuple[Blocks, Blocks]:
    """Mean energy before and after every block that is neither among the first nor the last six."""
    count = len(energies) - 2 * (_BEFORE + _GAP)
    before, after = (np.lib.stride_tricks.sliding_window_view(energies, n).mean(axis=1) for n in (_BEFORE, _AFTER))
    return before[:count] + floor, after[_BEFORE + _GAP :][:count] + floor


def bursts(before: Blocks, after: Blocks, loud: float) -> list[int]:
    """Indices of the blocks at which a burst begins."""
    rise = 10 * np.log10(after / before)
    found, allowed = [], 0
    for candidate in np.flatnonzero((rise > _RISE_DB) & (after > loud)):
        if candidate >= allowed:
            found.append(int(candidate + np.argmax(rise[candidate : candidate + _SEARCH])))
            allowed = candidate + _PAUSE
    return found
