"""Heun's method, alone and with noise put back on the way: EDM's churn and Restart.

All three follow a path of times. Where it falls they take a Heun step, where it rises they add the noise that the
forward process has between the two times.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.flow import heun_step
from audiodiff.diffusion.grids import Times
from audiodiff.diffusion.process import Transition
from audiodiff.diffusion.samplers.signature import sampler
from audiodiff.diffusion.schedules import Schedule, log_snr, time_of_log_snr
from audiodiff.errors import ConfigError
from audiodiff.types import Noise, Wave


@sampler
def heun(denoise: Denoise, schedule: Schedule, x: Wave, times: Times, noise: Noise) -> Iterator[Wave]:
    """Sample with Heun's second-order method (Karras et al. 2022, algorithm 1): 2 n_steps - 1 network calls."""
    return _walk(denoise, schedule, x, list(times), noise)


@sampler
def edm_stochastic(
    denoise: Denoise,
    schedule: Schedule,
    x: Wave,
    times: Times,
    noise: Noise,
    *,
    churn: float = 40.0,
    churn_min: float = 0.05,
    churn_max: float = 50.0,
    noise_scale: float = 1.003,
) -> Iterator[Wave]:
    """Sample with EDM's stochastic sampler (Karras et al. 2022, algorithm 2); the defaults are its S_* for ImageNet.

    Before each step whose noise sigma / alpha lies in [churn_min, churn_max], noise is raised by the factor
    1 + min(churn / n_steps, sqrt(2) - 1), as far as the schedule goes.
    """
    gamma = min(churn / (len(times) - 1), math.sqrt(2) - 1)
    raised = _raised(schedule, times, gamma, churn_min, churn_max)
    path = torch.stack([times, raised], dim=1).flatten()
    return _walk(denoise, schedule, x, list(path), noise, noise_scale)


@sampler
def restart(
    denoise: Denoise,
    schedule: Schedule,
    x: Wave,
    times: Times,
    noise: Noise,
    *,
    low: float,
    high: float,
    n_restarts: int = 1,
) -> Iterator[Wave]:
    """Sample with Heun and run the part of the grid in [low, high] again from fresh noise (Xu et al. 2023)."""
    again = times[(times >= low) & (times <= high) & (times > 0)]
    if n_restarts < 1 or len(again) < 2:
        raise ConfigError(
            f"expected at least one restart and two times of the grid in [{low:g}, {high:g}], "
            f"got {n_restarts} and {len(again)}; widen the interval or take more steps."
        )
    before, after = times[times > again[0]], times[times < again[-1]]
    return _walk(denoise, schedule, x, [*before, *list(again) * (n_restarts + 1), *after], noise)


def _walk(
    denoise: Denoise,
    schedule: Schedule,
    x: Wave,
    path: Sequence[Tensor],
    noise: Noise,
    noise_scale: float = 1.0,
) -> Iterator[Wave]:
    for t, to in pairwise(path):
        if to > t:
            x = Transition.between(schedule, t, to).forward(x, noise_scale * noise(x))
        elif to < t:
            x = heun_step(denoise, schedule, x, t, to)
            yield x


def _raised(schedule: Schedule, times: Times, gamma: float, low: float, high: float) -> Times:
    """Return the times, moved to 1 + gamma times their noise where that lies in [low, high]."""
    level = log_snr(schedule, times)
    noise = (-level / 2).exp()
    higher = time_of_log_snr(schedule, level - 2 * math.log1p(gamma))
    churned = (noise >= low) & (noise <= high) & (gamma > 0)
    return torch.where(churned, higher, times)
