"""The search finds the best grid where it is known, and spends no more than it may."""

from itertools import pairwise

import numpy as np
import pytest

from audiodiff.errors import ConfigError
from audiodiff.evaluation.search import neighbours, power_grids, search_grid


@pytest.mark.parametrize("best", [(0.9, 0.3, 0.0), (0.6, 0.05, 0.0), (1.0, 0.97, 0.4, 0.1, 0.0), (0.3, 0.0)])
def test_the_search_comes_near_the_best_grid(best):
    def loss(grid):
        return float(np.square(np.subtract(grid, best)).sum())

    trials = search_grid(loss, power_grids(len(best) - 1), budget=250)
    assert np.abs(np.subtract(trials[0].grid, best)).max() < 0.06
    assert trials == sorted(trials, key=lambda trial: trial.loss)


@pytest.mark.parametrize("budget", [1, 3, 20, 50])
def test_the_budget_is_kept_and_no_grid_is_tried_twice(budget):
    tried = []

    def loss(grid):
        tried.append(grid)
        return abs(grid[0] - 0.123)

    search_grid(loss, power_grids(4), budget)
    assert len(tried) == len(set(tried)) == budget


@pytest.mark.parametrize("n_steps", [1, 2, 6])
def test_every_grid_falls_strictly_to_zero(n_steps):
    for grid in power_grids(n_steps):
        for moved in (grid, *neighbours(grid, 0.5)):
            assert len(moved) == n_steps + 1
            assert moved[0] <= 1
            assert moved[-1] == 0
            assert all(later < earlier for earlier, later in pairwise(moved))


def test_a_search_without_a_trial_is_refused():
    with pytest.raises(ConfigError, match="budget"):
        search_grid(sum, power_grids(2), budget=0)
