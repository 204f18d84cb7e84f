"""Voicing and F0 against the recording's, by WORLD's pitch tracker, every 10 ms."""

import numpy as np

from audiodiff.evaluation.pitch import Track, f1
from audiodiff.evaluation.spectral import Measured

_FEWEST_FRAMES = 6


def voicing_measures(reference: Track, generated: Track) -> Measured:
    """F1 of the voicing decision, and the median absolute deviation of F0 in cents where both are voiced."""
    length = min(len(reference), len(generated))
    reference, generated = reference[:length], generated[:length]
    both = (reference > 0) & (generated > 0)
    few = f"only {both.sum()} frames are voiced in both"
    return {
        "voicing_f1": f1(reference > 0, generated > 0),
        "f0_deviation": deviation(reference[both], generated[both]) if both.sum() >= _FEWEST_FRAMES else few,
    }


def deviation(reference: Track, generated: Track) -> float:
    """Median of the absolute differences in cents, which errors by octaves do not move."""
    return float(np.median(np.abs(1200 * np.log2(generated / reference))))
