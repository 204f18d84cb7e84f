"""Requests to a generator, checked and made into numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from audiodiff.conditioning import NOTHING, Embedding, Label
from audiodiff.errors import ConfigError

Choice = int | str | Sequence[int | str] | None
"""An id or a name for all clips, one for each of them, or None: to be drawn."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ConditionRequest:
    """Condition of the clips that are asked for; with `unconditional` nothing may be given.

    A label or a speaker that is not given is drawn, or with `draw` False left untold.
    """

    label: Choice = None
    speaker: Choice = None
    embedding: Tensor | None = None
    unconditional: bool = False
    draw: bool = True

    def check_nothing(self) -> None:
        """Raise `ConfigError` if anything is given."""
        given = {"label": self.label, "speaker": self.speaker, "embedding": self.embedding}
        if given_too := [name for name, value in given.items() if value is not None]:
            raise ConfigError(f"got {' and '.join(given_too)} for unconditional clips: leave out the one or the other")


def how_many(n: int | None, label: Choice, speaker: Choice, embedding: Tensor | None) -> int:
    """The number of clips: `n`, or as many as lists have items, or 1; raises `ConfigError` where these disagree."""
    lengths = {len(choice) for choice in (label, speaker) if choice is not None and not isinstance(choice, int | str)}
    if embedding is not None and embedding.ndim == 2:
        lengths.add(len(embedding))
    if n is not None:
        lengths.add(n)
    if len(lengths) > 1 or lengths == {0} or min(lengths, default=1) < 1:
        raise ConfigError(f"got lists and n of {sorted(lengths)} clips: expected one number of at least 1")
    return lengths.pop() if lengths else 1


def chosen(choice: Choice, names: Sequence[str], kind: str, seeds: Sequence[int], draw: bool = True) -> Label | None:
    """Ids [batch] of what was chosen among `names`; None where there are no names.

    If nothing was chosen the ids are drawn by the seeds, or without `draw` are `NOTHING`.

    Raises `ConfigError` for one that is not among them.
    """
    if not names:
        if choice is not None:
            raise ConfigError(f"got {kind} {choice!r}, but the model was trained without {kind}s: leave it out")
        return None
    if choice is None and not draw:
        return torch.full((len(seeds),), NOTHING)
    if choice is None:
        return torch.tensor([Random(f"{kind} {seed}").randrange(len(names)) for seed in seeds])
    one_each = [choice] * len(seeds) if isinstance(choice, int | str) else list(choice)
    return torch.tensor([_id(one, names, kind) for one in one_each])


def embeddings(embedding: Tensor | None, size: int, batch: int) -> Embedding | None:
    """Embeddings [batch, size] of one [size] or of many; raises `ConfigError` for another size."""
    if embedding is None:
        if size:
            raise ConfigError(f"the model needs an embedding of {size} numbers: give one, or ask for unconditional")
        return None
    if embedding.shape[-1] != size or embedding.ndim > 2:
        raise ConfigError(
            f"got an embedding of shape {tuple(embedding.shape)}, the model takes "
            f"{f'[{size}] or [batch, {size}]' if size else 'none'}: use the encoder that it was trained with"
        )
    return embedding.float().expand(batch, size)


def _id(one: int | str, names: Sequence[str], kind: str) -> int:
    number = int(one) if isinstance(one, int) or one.isdecimal() else None
    if number is not None and 0 <= number < len(names):
        return number
    if one in names:
        return names.index(str(one))
    raise ConfigError(f"no {kind} {one!r}: choose 0 to {len(names) - 1}, or one of {', '.join(names)}")
