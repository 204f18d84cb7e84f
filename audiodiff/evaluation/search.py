"""The search for the grid of times that a model samples best on with a given number of steps."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from audiodiff.errors import ConfigError

FIRST_STRIDE, LAST_STRIDE = 0.5, 0.06
POWERS = (1.0, 1.5, 2.0, 3.0)
STARTS = (1.0, 0.8, 0.5)

Grid = tuple[float, ...]
"""n_steps + 1 times, falling to 0."""


@dataclass(frozen=True)
class GridTrial:
    """A grid and what it cost."""

    grid: Grid
    loss: float


def power_grids(n_steps: int) -> list[Grid]:
    """The first grids of a search: start · ((n - i) / n)^p, from even steps to ever finer ones near clean audio."""
    return [
        tuple(start * ((n_steps - i) / n_steps) ** power for i in range(n_steps + 1))
        for power in (POWERS if n_steps > 1 else POWERS[:1])
        for start in STARTS
    ]


def search_grid(loss: Callable[[Grid], float], candidates: Iterable[Grid], budget: int) -> list[GridTrial]:
    """Try the candidates, then move the best one's times, one by one, towards their neighbours and away.

    A pattern search (Hooke & Jeeves 1961): the stride, a share of the way to the neighbour, is halved whenever
    no time can be moved for the better. At most `budget` grids are tried; returns all of them, best first.
    """
    tried: dict[Grid, float] = {}

    def attempt(grid: Grid) -> float:
        if grid not in tried and len(tried) < budget:
            tried[grid] = loss(grid)
        return tried.get(grid, float("inf"))

    best = min(candidates, key=attempt, default=None)
    if best is None or budget < 1:
        raise ConfigError(f"a search needs at least one grid to begin with and one trial, got a budget of {budget}")
    stride = FIRST_STRIDE
    while stride > LAST_STRIDE and len(tried) < budget:
        found = min([best, *neighbours(best, stride)], key=attempt)
        stride = stride if tried[found] < tried[best] else stride / 2
        best = found
    return sorted((GridTrial(grid, cost) for grid, cost in tried.items()), key=lambda trial: trial.loss)


def neighbours(grid: Sequence[float], stride: float) -> list[Grid]:
    """The grids in which one time lies `stride` of the way nearer to the time before or after it."""
    bounded = (1.0, *grid)
    moved = []
    for i, time in enumerate(grid[:-1]):
        for neighbour in (bounded[i], grid[i + 1]):
            if neighbour != time:
                moved.append((*grid[:i], time + stride * (neighbour - time), *grid[i + 1 :]))
    return moved
