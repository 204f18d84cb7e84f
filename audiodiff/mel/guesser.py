"""A guesser of the convention of a mel that names none."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from audiodiff.mel.compression import MelCompression
from audiodiff.mel.conventions import CONVENTIONS, families
from audiodiff.mel.filterbank import mel_filterbank
from audiodiff.mel.fingerprint import FEWEST, Bands, fingerprint
from audiodiff.mel.front_end import analysis_window
from audiodiff.mel.spec import MelSpec

WEIGHTS = Path(__file__).with_name("fingerprints.safetensors")
"""Fitted by benchmarks/mel_guess.py, which also says how well."""

LEARN = "python benchmarks/mel_guess.py fit FOLDER"
"""The command that teaches the guesser an added convention, from any recordings below a folder."""

UNLEARNT = 0.75
"""The guesser is no surer than that where a convention that it has not learnt is possible, too."""

ENOUGH = 64
"""Frames from which on a mel shows all it can; the confidence in a shorter one is cut in proportion."""

UNNAMED = "another"
"""Name for a mel that fits none of the conventions."""

CLAMPED = 20
"""So many values that are exactly the lowest lie on a floor."""

NO_FLOOR = 1e-15
"""Stands for silence where a convention has no floor at all."""

SLACK = 0.5
"""Nepers by which a mel, which may come from an acoustic model, can miss the bounds of its convention."""


@dataclass(frozen=True)
class Guess:
    """The conventions that a mel can be in, the likeliest first; what differs between them does not show in it."""

    names: tuple[str, ...]
    confidence: float
    reason: str

    def __str__(self) -> str:
        if not self.names:
            return f"It is in no convention known by name: {self.reason}"
        looks = "It looks like" if self.confidence > 0.5 else "It looks like nothing known by name, the nearest is"
        return f"{looks} {' or '.join(self.names)} ({100 * self.confidence:.0f} % sure: {self.reason})"


@dataclass(frozen=True)
class Extent:
    """Between which values a mel lies, and whether the lowest is a floor."""

    lowest: float
    highest: float
    clamped: bool

    @classmethod
    def of(cls, mel: Bands) -> "Extent":
        """Look at every value."""
        lowest = mel.min()
        return cls(lowest.item(), mel.max().item(), int((mel == lowest).sum()) >= CLAMPED)


def guess(mel: Bands) -> Guess:
    """Guess the convention of a mel from its bands, its range and floor, and the pattern between its bands."""
    n_mels, n_frames = mel.shape
    rivals = {name: members for name, members in families().items() if CONVENTIONS[name].n_mels == n_mels}
    extent = Extent.of(mel)
    if not rivals:
        return Guess((), 1.0, f"none has {n_mels} bands")
    if extent.highest - extent.lowest < 1e-3:
        return Guess((), 0.0, "it is silent, so there is nothing to tell it by")
    if n_frames < FEWEST:
        return Guess((), 0.0, f"{n_frames} frames are too few, it takes {FEWEST}")
    able = {name: possible(mel, extent, names) for name, names in rivals.items()}
    seen = f"{n_mels} bands from {extent.lowest:.3g} to {extent.highest:.3g}"
    if not any(able.values()):
        return Guess((), 1.0, f"none stores {seen}")
    seen = f"{n_frames} frames of {seen}"
    learnt = classes().get(n_mels, [])
    unlearnt = {name: names for name, names in able.items() if names and name not in learnt}
    if unlearnt:
        seen += f"; it has not learnt {', '.join(unlearnt)}: {LEARN}"
    odds = {name: p for name, p in probabilities(mel).items() if able.get(name, name == UNNAMED)} if learnt else {}
    if not odds.keys() - {UNNAMED}:
        return Guess(tuple(name for names in unlearnt.values() for name in names), 0.0, seen)
    best = max(odds.keys() - {UNNAMED}, key=lambda name: odds[name])
    confidence = odds[best] / sum(odds.values()) * min(1.0, n_frames / ENOUGH)
    return Guess(able[best], min(confidence, UNLEARNT) if unlearnt else confidence, seen)


def possible(mel: Bands, extent: Extent, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those conventions of a family that can give this mel; a constant last frame, where there is one, decides."""
    found = tuple(name for name in names if is_possible(mel, extent, CONVENTIONS[name]))
    return tuple(name for name in found if not isinstance(CONVENTIONS[name].last_frame, str)) or found


def is_possible(mel: Bands, extent: Extent, spec: MelSpec) -> bool:
    """Check whether that front-end can give this mel: it keeps to its bounds, reaches its floor, ends as it ends."""
    lowest, _, slack = bounds(spec)
    if not is_within(extent, spec):
        return False
    if extent.clamped and extent.lowest > lowest + slack:
        return False
    return isinstance(spec.last_frame, str) or bool((mel[:, -1] == spec.last_frame).all())


def is_within(extent: Extent, spec: MelSpec) -> bool:
    """Check whether a waveform in [-1, 1] can give such values."""
    lowest, highest, slack = bounds(spec)
    return lowest - slack <= extent.lowest and extent.highest <= highest + slack


@cache
def bounds(spec: MelSpec) -> tuple[float, float, float]:
    """The lowest and the highest value that a waveform in [-1, 1] can give, and what `SLACK` is in that convention."""
    filters = mel_filterbank(spec).sum(dim=1, keepdim=True)
    quietest = max(spec.magnitude_epsilon**0.5, spec.magnitude_floor, NO_FLOOR) ** spec.power
    loudest = analysis_window(spec).sum().item() ** spec.power
    compression = MelCompression(replace(spec, last_frame="keep"))
    stored = compression(filters * torch.tensor([[quietest, loudest]]))
    slack = SLACK * abs(compression.neper) / compression.scale.abs().min().item()
    return stored.min().item(), stored.max().item(), slack


def probabilities(mel: Bands) -> dict[str, float]:
    """Probability of each family of conventions with that many bands by its fingerprint, by its first name."""
    network = networks()[mel.shape[0]]
    features = ((fingerprint(mel) - network["mean"]) / network["deviation"]).clamp(-4, 4)
    hidden = (network["hidden.weight"] @ features + network["hidden.bias"]).relu()
    logits = network["output.weight"] @ hidden + network["output.bias"]
    return dict(zip(classes()[mel.shape[0]], logits.softmax(dim=0).tolist(), strict=True))


@cache
def classes() -> dict[int, list[str]]:
    """The families that the networks tell apart, by number of bands."""
    from safetensors import safe_open

    with safe_open(WEIGHTS, framework="pt") as file:
        return {int(n_mels): json.loads(names) for n_mels, names in file.metadata().items()}


@cache
def networks() -> dict[int, dict[str, Tensor]]:
    """The fitted weights, by number of bands."""
    from safetensors.torch import load_file

    found: dict[int, dict[str, Tensor]] = {}
    for key, tensor in load_file(WEIGHTS).items():
        n_mels, _, name = key.partition(".")
        found.setdefault(int(n_mels), {})[name] = tensor.float()
    return found
