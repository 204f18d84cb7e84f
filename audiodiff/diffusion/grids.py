"""Grids: the times that a sampler visits, float64, strictly falling, the last one exactly 0.

A grid is made by a function of the schedule; the conf group binds all other arguments.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.diffusion.betas import DiscreteBetas, at_least_one
from audiodiff.diffusion.schedules import Schedule
from audiodiff.errors import ConfigError

Times = Float[Tensor, " levels"]
"""n_steps + 1 times, falling to 0."""


def uniform(schedule: Schedule, n_steps: int, *, start: float = 1.0) -> Times:
    """Return equal steps in t; `start` below 1 is a shallow run (DiffSinger, Liu et al. 2022)."""
    times = torch.linspace(start, 0, at_least_one(n_steps) + 1, dtype=torch.float64)
    return explicit(schedule, times.tolist())


def from_betas(schedule: DiscreteBetas, betas: Sequence[float]) -> Times:
    """Return the times at which the training table has the noise levels of another, shorter list of betas.

    DiffWave's fast sampling (Kong et al. 2021, appendix B) takes six: 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5.
    Levels beyond either end of the table are clamped into it, and levels that meet there are merged.
    """
    times = schedule.time_of_alpha(DiscreteBetas(betas).alphas[1:])
    return explicit(schedule, [*times.unique().flip(0).tolist(), 0.0])


def explicit(schedule: Schedule, times: Sequence[float]) -> Times:
    """Return the given times, checked against the schedule."""
    grid = torch.tensor(list(times), dtype=torch.float64)
    check_grid(schedule, grid)
    return grid


def check_grid(schedule: Schedule, times: Times) -> None:
    """Raise ConfigError unless `times` fall strictly to 0 inside [0, 1], with noise at every stop before."""
    if times.ndim != 1 or len(times) < 2:
        raise ConfigError(f"a grid is a list of at least two times, got shape {tuple(times.shape)}.")
    if not (times.diff() < 0).all() or times[0] > 1 or times[-1] != 0:
        given = [round(t, 4) for t in times.tolist()]
        raise ConfigError(f"a grid must fall strictly from at most 1 (noise) to exactly 0 (clean), got {given}.")
    if not (schedule.sigma(times[:-1]) > 0).all():
        raise ConfigError(f"{type(schedule).__name__} has no noise at some time of the grid; start where sigma > 0.")
