"""Splits of a corpus that depend on names alone, never on order, seed or what else is there."""

import hashlib
from typing import Literal, get_args

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


def place_of(name: str) -> float:
    """Place of a name in [0, 1), evenly spread and always the same."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


def split_of(name: str, *, valid: float, test: float = 0.0) -> Split:
    """Assign an utterance or a speaker to a split by its name; `valid` and `test` are shares of all names."""
    place = place_of(name)
    return "test" if place < test else "valid" if place < test + valid else "train"
