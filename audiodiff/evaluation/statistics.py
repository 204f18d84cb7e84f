"""Confidence of means, and of differences between systems."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

RESAMPLES = 4000
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` utterances with its bootstrap 95 % interval, which one utterance alone does not have."""

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
    """Mean and percentile bootstrap over utterances (Efron 1979); `values` must not be empty."""
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    if len(array) == 1:
        return Estimate(mean, None, None, 1)
    low, high = np.percentile(bootstrap_means(array, seed), INTERVAL)
    return Estimate(mean, float(low), float(high), len(array))


def paired_difference(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Difference:
    """First minus second, utterance by utterance, which takes the utterances' own difficulty out."""
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return Difference(estimate(differences.tolist(), seed), float((differences > 0).mean()))


def bootstrap_means(values: Float64[np.ndarray, " items"], seed: int) -> Float64[np.ndarray, " resamples"]:
    """Means of samples drawn from `values` with replacement."""
    draws = np.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    return values[draws].mean(axis=1)
