"""Robustness to imperfect mels: metrics of perturbed mels as a slope over the amount of perturbation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from audiodiff.data.perturbation import Perturbation
from audiodiff.evaluation.metrics import METRICS
from audiodiff.evaluation.statistics import Estimate, estimate
from audiodiff.evaluation.systems import System
from audiodiff.mel import MelSpec
from audiodiff.mel.compression import MelCompression
from audiodiff.types import OneMel

_SILENCE_LOG = -23.0
"""Natural logarithm that stands for silence where a convention knows no lowest value."""


@dataclass(frozen=True)
class Slopes:
    """The change of every metric per unit of one kind of perturbation, over the utterances of a system."""

    system: str
    kind: str
    amounts: tuple[float, ...]
    values: Mapping[str, Estimate]


def perturbed(mel: OneMel, spec: MelSpec, perturbation: Perturbation, seed: int) -> OneMel:
    """A stored mel as if its natural logarithms had been perturbed; what the convention cannot store is clipped."""
    compression = MelCompression(spec)
    log_bands = compression.log_bands(mel[None]).clamp(min=_SILENCE_LOG)
    return compression.values(perturbation(log_bands, torch.Generator().manual_seed(seed)))[0]


def slopes(clean: System, others: Sequence[tuple[Perturbation, System]]) -> list[Slopes]:
    """For every kind of perturbation, the line through the clean value that fits the others best (least squares)."""
    found = []
    for kind in dict.fromkeys(perturbation.kind for perturbation, _ in others):
        family = {one.amount: system for one, system in others if one.kind == kind}
        values = {name: slope(name, clean, family) for name in METRICS}
        known = {name: estimate(list(each)) for name, each in values.items() if each}
        found.append(Slopes(clean.name, kind, tuple(family), known))
    return found


def slope(metric: str, clean: System, family: Mapping[float, System]) -> list[float]:
    """The slope of every utterance that has a number in all systems."""
    before = values_of(metric, clean)
    after = {amount: values_of(metric, system) for amount, system in family.items()}
    shared = [id for id in before if all(id in values for values in after.values())]
    squares = sum(amount**2 for amount in after)
    return [sum(a * (values[id] - before[id]) for a, values in after.items()) / squares for id in shared]


def values_of(metric: str, system: System) -> dict[str, float]:
    """A metric of every utterance that has it, by id."""
    return {scores.id: scores.values[metric] for scores in system.scores if metric in scores.values}
