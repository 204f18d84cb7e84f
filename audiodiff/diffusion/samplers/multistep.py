"""Multistep solvers: one network call a step, x_0 extrapolated in log-SNR from the calls before."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.grids import Times
from audiodiff.diffusion.process import Transition
from audiodiff.diffusion.samplers.ddim import ddim_step
from audiodiff.diffusion.samplers.exponential import Estimate, half_log_snr, midpoint, third_order
from audiodiff.diffusion.samplers.walk import sampler
from audiodiff.diffusion.schedules import Schedule
from audiodiff.types import Noise, Wave

Guess = Callable[[Sequence[Estimate], float], Wave]


@sampler
def dpmpp_2m(
    denoise: Denoise,
    schedule: Schedule,
    x: Wave,
    times: Times,
    noise: Noise,
    *,
    eta: float = 0.0,
    guess: Guess = midpoint,
) -> Iterator[Wave]:
    """Walk with DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2), or with eta = 1 its SDE form (appendix).

    `guess` is `midpoint`, or `polynomial` for the variant that solvers call "heun".
    """
    return _multistep(denoise, schedule, x, times, noise, order=2, eta=eta, guess=guess)


@sampler
def dpmpp_3m(denoise: Denoise, schedule: Schedule, x: Wave, times: Times, noise: Noise) -> Iterator[Wave]:
    """Walk with DPM-Solver++(3M) (Lu et al. 2022b, appendix)."""
    return _multistep(denoise, schedule, x, times, noise, order=3, eta=0.0, guess=third_order)


def _multistep(
    denoise: Denoise,
    schedule: Schedule,
    x: Wave,
    times: Times,
    noise: Noise,
    *,
    order: int,
    eta: float,
    guess: Guess,
) -> Iterator[Wave]:
    past: list[Estimate] = []
    for steps_left, (t, s) in zip(range(len(times) - 1, 0, -1), pairwise(times), strict=True):
        past = [Estimate(half_log_snr(schedule, t), denoise(x, t)), *past][:order]
        x_0 = guess(past[:steps_left], half_log_snr(schedule, s))  # the last steps are of lower order
        x = ddim_step(x, x_0, Transition.between(schedule, s, t), noise, eta)
        yield x
