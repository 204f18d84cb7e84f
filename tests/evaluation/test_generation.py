"""Metrics of generated sets where their value is known."""

import math

import numpy as np
import pytest

from audiodiff.errors import ConfigError
from audiodiff.evaluation.generation import (
    Judged,
    activation_maximization,
    bin_shares,
    different_bins,
    inception_score,
    jensen_shannon,
    modified_inception_score,
    nearest,
    score,
)

RANDOM = np.random.default_rng(0)
SURE = np.eye(10)[np.arange(500) % 10]
BLANK = np.full((500, 10), 0.1)
ONE_LABEL = np.eye(10)[np.zeros(500, dtype=int)]


@pytest.mark.parametrize(("p", "expected"), [(SURE, 10.0), (BLANK, 1.0), (ONE_LABEL, 1.0)])
def test_inception_score_at_its_ends(p, expected):
    assert inception_score(p) == pytest.approx(expected)


def test_modified_inception_score_counts_pairs():
    p = RANDOM.dirichlet(np.ones(4), size=30)
    pairs = [(a * np.log(a / b)).sum() for a in p for b in p]
    assert modified_inception_score(p) == pytest.approx(math.exp(np.mean(pairs)))
    assert modified_inception_score(BLANK) == pytest.approx(1)


@pytest.mark.parametrize(("p", "expected"), [(SURE, 0.0), (BLANK, math.log(10))])
def test_activation_maximization_at_its_ends(p, expected):
    assert activation_maximization(p, SURE) == pytest.approx(expected, abs=1e-6)


def test_activation_maximization_misses_labels():
    assert activation_maximization(ONE_LABEL, SURE) > 5


def test_bins_of_the_same_distribution_agree():
    features = RANDOM.normal(size=(4000, 3))
    ours, theirs = features[:2000], features[2000:]
    shares = bin_shares(ours, theirs, 20, seed=0)
    assert shares[0].sum() == pytest.approx(1)
    assert different_bins(*shares, 2000, 2000) <= 0.15
    assert jensen_shannon(*shares) < 0.01


def test_bins_of_other_distributions_disagree():
    shares = bin_shares(RANDOM.normal(size=(500, 3)) + 9, RANDOM.normal(size=(500, 3)), 20, seed=0)
    assert different_bins(*shares, 500, 500) > 0.9
    assert jensen_shannon(*shares) > 0.5


def test_jensen_shannon_of_disjoint_shares_is_ln_2():
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(math.log(2))


def test_too_few_recordings_for_the_bins():
    with pytest.raises(ConfigError, match="cannot fill 50 bins"):
        bin_shares(RANDOM.normal(size=(9, 2)), RANDOM.normal(size=(9, 2)), 50, seed=0)


def test_nearest_finds_the_copy():
    real = RANDOM.normal(size=(50, 6))
    distance, index = nearest(real[[7, 3]] + [[0.0], [0.5]], real)
    assert index[0] == 7
    assert distance[0] == pytest.approx(0, abs=1e-6)
    brute = np.linalg.norm(real[3] + 0.5 - real, axis=1)
    assert (distance[1], index[1]) == (pytest.approx(brute.min()), brute.argmin())


def test_score_prefers_recordings_to_noise():
    real = Judged(RANDOM.normal(size=(300, 4)), SURE[:300])
    good = score(Judged(RANDOM.normal(size=(300, 4)), SURE[:300]), real, n_bins=10)
    bad = score(Judged(3 * RANDOM.normal(size=(300, 4)) + 1, BLANK[:300]), real, n_bins=10)
    assert good.frechet < bad.frechet
    assert good.inception > bad.inception
    assert good.modified_inception > bad.modified_inception
    assert good.activation_maximization < bad.activation_maximization
    assert good.different_bins < bad.different_bins
    assert good.jensen_shannon < bad.jensen_shannon
