"""Which recordings are trained on: splits that depend on names alone, never on order, seed or what else is there."""

import hashlib
from typing import Literal, get_args

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


def split_of(name: str, *, valid: float, test: float = 0.0) -> Split:
    """Assign an utterance or a speaker to a split by its name; `valid` and `test` are shares of all names."""
    u = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64
    return "test" if u < test else "valid" if u < test + valid else "train"
