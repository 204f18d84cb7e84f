"""Intervals cover the truth about as often as they say, also where utterances are few and metrics skewed."""

import numpy as np
import pytest

from audiodiff.evaluation.intervals import mean_interval

TRIALS = 600
"""The standard error of a coverage of 95 % is then .9 %."""
SHAPES = {
    "normal": (lambda rng, n: rng.standard_normal(n), 0.0),
    "uniform": (lambda rng, n: rng.random(n), 0.5),
    "skewed": (lambda rng, n: rng.lognormal(0, 0.5, n), np.exp(0.125)),
}


def coverage(draw, truth, n, interval):
    """The share of intervals that hold the truth."""
    rng = np.random.default_rng(0)
    found = [interval(draw(rng, n), seed) for seed in range(TRIALS)]
    return np.mean([low < truth < high for low, high in found])


def percentiles(values, seed):
    """What is usually reported: percentiles of the means of resamples."""
    draws = np.random.default_rng(seed).integers(len(values), size=(1000, len(values)))
    return np.percentile(values[draws].mean(axis=1), (2.5, 97.5))


@pytest.mark.parametrize("n", [4, 8, 16])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_interval_of_95_percent_holds_the_truth_95_times_in_100(shape, n):
    assert 0.92 < coverage(*SHAPES[shape], n, mean_interval) < 0.985


@pytest.mark.parametrize("n", [2, 3])
def test_of_two_or_three_values_the_interval_is_students(n):
    assert 0.93 < coverage(*SHAPES["normal"], n, mean_interval) < 0.97


@pytest.mark.parametrize(("n", "most"), [(4, 0.85), (8, 0.91), (16, 0.94)])
def test_percentiles_of_resampled_means_promise_too_much(n, most):
    assert coverage(*SHAPES["normal"], n, percentiles) < most


def test_a_long_tail_makes_a_lopsided_interval():
    values = np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.7, 4.0])
    low, high = mean_interval(values)
    assert high - values.mean() > 1.5 * (values.mean() - low) > 0


def test_ties_leave_the_interval_finite():
    low, high = mean_interval(np.array([1.0, 1.0, 1.0, 0.9]))
    assert -np.inf < low < 0.975 < high < np.inf


def test_moving_and_stretching_the_values_moves_and_stretches_the_interval():
    values = np.random.default_rng(0).exponential(size=9)
    low, high = mean_interval(values)
    assert mean_interval(5 + 3 * values) == (pytest.approx(5 + 3 * low), pytest.approx(5 + 3 * high))


def test_one_value_has_no_interval_and_equal_values_one_of_no_width():
    assert mean_interval(np.array([3.0])) is None
    assert mean_interval(np.full(5, 2.0)) == (2.0, 2.0)
