"""Grids: the times that a sampler visits, float64, strictly falling, the last one exactly 0.

A grid is made by a function of the schedule; a conf group binds all other arguments. `start` below 1 makes a
shallow run, from a state that was diffused only so far (DiffSinger, Liu et al. 2022). No grid visits a time below
the first training step of a beta table, where no network has been trained.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.diffusion.betas import DiscreteBetas, at_least_one
from audiodiff.diffusion.schedules import Schedule, log_snr, time_of_log_snr
from audiodiff.errors import ConfigError

Times = Float[Tensor, " levels"]
"""n_steps + 1 times, falling to 0."""

_NEGLIGIBLE = 1e-9
"""Distance by which rounding may carry a time below the first training step."""


def uniform(schedule: Schedule, n_steps: int, *, start: float = 1.0) -> Times:
    """Return equal steps in t (Song et al. 2021, appendix D.2, "linear")."""
    last = max(start / at_least_one(n_steps), _first_step(schedule))
    return _closed(schedule, torch.linspace(start, last, n_steps, dtype=torch.float64))


def quadratic(schedule: Schedule, n_steps: int, *, start: float = 1.0) -> Times:
    """Return equal steps in sqrt(t), finer near clean (Song et al. 2021, appendix D.2, "quadratic")."""
    last = max(start / at_least_one(n_steps) ** 2, _first_step(schedule))
    return _closed(schedule, torch.linspace(start**0.5, last**0.5, n_steps, dtype=torch.float64) ** 2)


def log_snr_uniform(
    schedule: Schedule,
    n_steps: int,
    *,
    sigma_min: float = 0.002,
    sigma_max: float = 80.0,
    start: float = 1.0,
) -> Times:
    """Return equal steps in log-SNR (DPM-Solver, Lu et al. 2022a).

    The noise sigma / alpha falls from `sigma_max` to `sigma_min`, both clamped into what the schedule has, and
    the first time is moved to `start`.
    """
    high, low = _noise_range(schedule, sigma_min, sigma_max, start).log()
    return _at_noise(schedule, _linspace(high, low, n_steps).exp(), start)


def karras(
    schedule: Schedule,
    n_steps: int,
    *,
    sigma_min: float = 0.002,
    sigma_max: float = 80.0,
    rho: float = 7.0,
    start: float = 1.0,
) -> Times:
    """Return equal steps in (sigma / alpha)^(1/rho) (Karras et al. 2022, eq. 5), ends as in `log_snr_uniform`."""
    high, low = _noise_range(schedule, sigma_min, sigma_max, start) ** (1 / rho)
    return _at_noise(schedule, _linspace(high, low, n_steps) ** rho, start)


def from_betas(schedule: Schedule, betas: Sequence[float]) -> Times:
    """Return the times at which the training table has the noise levels of another, shorter list of betas.

    DiffWave's fast sampling (Kong et al. 2021, appendix B) takes six: 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5.
    Levels beyond either end of the table are clamped into it, and levels that meet there are merged.
    """
    if not isinstance(schedule, DiscreteBetas):
        raise ConfigError(
            f"a list of betas is placed in a table of betas, but the schedule is {type(schedule).__name__}; "
            "choose another grid."
        )
    return _closed(schedule, schedule.time_of_alpha(DiscreteBetas(betas=betas).alphas[1:]).unique().flip(0))


def explicit(schedule: Schedule, times: Sequence[float]) -> Times:
    """Return the given times, checked against the schedule."""
    grid = torch.tensor(list(times), dtype=torch.float64)
    check_grid(schedule, grid)
    return grid


def check_grid(schedule: Schedule, times: Times) -> None:
    """Raise ConfigError unless `times` fall strictly to 0 inside [0, 1] and the schedule has noise at each."""
    if times.ndim != 1 or len(times) < 2:
        raise ConfigError(f"a grid is a list of at least two times, got shape {tuple(times.shape)}.")
    if not (times.diff() < 0).all() or times[0] > 1 or times[-1] != 0:
        given = [round(t, 4) for t in times.tolist()]
        raise ConfigError(f"a grid must fall strictly from at most 1 (noise) to exactly 0, got {given}.")
    if times[-2] < _first_step(schedule) - _NEGLIGIBLE:
        raise ConfigError(
            f"the grid visits t = {times[-2].item():.4g}, but the first training step of {schedule} lies at "
            f"t = {_first_step(schedule):.4g}; take fewer steps or larger times."
        )
    if not (schedule.sigma(times[:-1]) > 0).all():
        raise ConfigError(f"{type(schedule).__name__} has sigma = 0 inside the grid; visit only noisy times.")


def _first_step(schedule: Schedule) -> float:
    return 1 / schedule.n_steps if isinstance(schedule, DiscreteBetas) else 0.0


def _closed(schedule: Schedule, noisy: Tensor) -> Times:
    return explicit(schedule, [*noisy.tolist(), 0.0])


def _noise_range(schedule: Schedule, sigma_min: float, sigma_max: float, start: float) -> Tensor:
    """Return the largest and the smallest sigma / alpha to visit."""
    ends = torch.tensor([start, _first_step(schedule)], dtype=torch.float64)
    highest, lowest = (-log_snr(schedule, ends) / 2).exp()
    return torch.stack([highest.clamp(max=sigma_max), lowest.clamp(min=sigma_min)])


def _linspace(high: Tensor, low: Tensor, n_steps: int) -> Tensor:
    return torch.linspace(high.item(), low.item(), at_least_one(n_steps), dtype=torch.float64)


def _at_noise(schedule: Schedule, levels: Tensor, start: float) -> Times:
    times = time_of_log_snr(schedule, -2 * levels.log())
    times[0] = start
    return _closed(schedule, times)
