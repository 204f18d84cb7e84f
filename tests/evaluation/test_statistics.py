"""Intervals hold what they promise."""

import numpy as np
import pytest

from audiodiff.evaluation.statistics import estimate, paired_difference


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    estimates = [estimate(rng.exponential(size=40), seed=i) for i in range(100)]
    assert 0.86 < np.mean([e.low < 1 < e.high for e in estimates]) < 0.99


def test_more_utterances_make_a_narrower_interval():
    values = np.random.default_rng(0).standard_normal(400)
    few, many = estimate(values[:25]), estimate(values)
    assert many.high - many.low == pytest.approx((few.high - few.low) / 4, rel=0.3)
    assert many.mean == pytest.approx(values.mean())
    assert many.n == 400


def test_one_utterance_has_no_interval():
    alone = estimate([3.0])
    assert (alone.mean, alone.low, alone.high, alone.n) == (3.0, None, None, 1)
    assert not paired_difference([2.0], [1.0]).clear


def test_equal_values_have_an_interval_of_no_width():
    same = estimate([2.0] * 5)
    assert same.low == same.high == same.mean == 2.0


def test_pairing_sees_a_small_difference_under_large_ones_between_utterances():
    rng = np.random.default_rng(0)
    difficulty, noise = 10 * rng.standard_normal(16), 0.01 * rng.standard_normal(16)
    found = paired_difference(difficulty + 0.1 + noise, difficulty)
    assert found.clear
    assert found.share_higher == 1
    assert found.estimate.mean == pytest.approx(0.1, abs=0.01)
    assert not paired_difference(difficulty + noise - noise.mean(), difficulty).clear
