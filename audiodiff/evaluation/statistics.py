"""Confidence of means, and of differences between systems."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audiodiff.evaluation.intervals import mean_interval


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` utterances with its bootstrap-t 95 % interval, which one utterance alone does not have."""

    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Difference:
    """Mean difference of two systems on the same utterances, and the share on which the first is higher."""

    estimate: Estimate
    share_higher: float

    @property
    def clear(self) -> bool:
        """Check whether the 95 % interval leaves out zero."""
        low, high = self.estimate.low, self.estimate.high
        return low is not None and high is not None and (low > 0 or high < 0)


def estimate(values: Sequence[float], seed: int = 0) -> Estimate:
    """Mean and interval over utterances; `values` must not be empty."""
    array = np.asarray(values, dtype=np.float64)
    low, high = mean_interval(array, seed) or (None, None)
    return Estimate(float(array.mean()), low, high, len(array))


def paired_difference(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Difference:
    """First minus second, utterance by utterance, which takes the utterances' own difficulty out."""
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return Difference(estimate(differences.tolist(), seed), float((differences > 0).mean()))
