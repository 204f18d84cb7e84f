"""Splits of a corpus that depend on names alone, never on order, seed or what else is there."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from math import ceil
from typing import Literal, get_args

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

_HELD_OUT = 0.05
"""The share of all recordings in each of the splits that are held out, where the corpus names none."""
_ENOUGH = 8
"""Recordings that make such a split useful."""
_LEAST: Mapping[Split, float] = {"test": 1 / 8, "valid": 1 / 16}
"""The share of a small corpus that is given for that."""
_SPEAKERS = 8
"""As many, and some can be spared."""


def place_of(name: str) -> float:
    """Place of a name in [0, 1), evenly spread and always the same."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


def split_of(name: str, *, valid: float, test: float = 0.0) -> Split:
    """Assign an utterance or a speaker to a split by its name; `valid` and `test` are shares of all names."""
    place = place_of(name)
    return "test" if place < test else "valid" if place < test + valid else "train"


def splits_of_recordings(speakers: Mapping[str, str | None]) -> dict[str, Split]:
    """The split of every recording, given its speaker, for a corpus that says nothing of splits.

    Whole speakers are held out where there are at least `_SPEAKERS` and everybody is known.
    """
    counts = Counter(speaker for speaker in speakers.values() if speaker is not None)
    if len(counts) < _SPEAKERS or None in speakers.values():
        return splits_of_groups(dict.fromkeys(speakers, 1))
    found = splits_of_groups(counts)
    return {name: found[str(speaker)] for name, speaker in speakers.items()}


def splits_of_groups(sizes: Mapping[str, int]) -> dict[str, Split]:
    """The split of every name, each with its number of recordings.

    Where too few fall to a split by a hash, those that come first by it and are left over do.
    """
    found: dict[str, Split] = {name: split_of(name, valid=_HELD_OUT, test=_HELD_OUT) for name in sizes}
    for split, least in _LEAST.items():
        wanted = min(_ENOUGH, ceil(least * sum(sizes.values())))
        for name in sorted(sizes, key=place_of):
            left = sum(where == "train" for where in found.values())
            if sum(sizes[other] for other, where in found.items() if where == split) >= wanted or left < 2:
                break
            if found[name] == "train":
                found[name] = split
    return found
