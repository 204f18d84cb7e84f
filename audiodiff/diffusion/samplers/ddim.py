"""First-order samplers: DDIM, which is also the Euler step, and the ancestral sampler of DDPM."""

from collections.abc import Iterator
from itertools import pairwise

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.grids import Times
from audiodiff.diffusion.process import Transition
from audiodiff.diffusion.samplers.walk import sampler
from audiodiff.diffusion.schedules import Schedule
from audiodiff.types import Noise, Wave


@sampler
def ddim(
    denoise: Denoise, schedule: Schedule, x: Wave, times: Times, noise: Noise, *, eta: float = 0.0
) -> Iterator[Wave]:
    """Walk with DDIM (Song et al. 2021, eq. 12 and 16): eta = 0 is deterministic, eta = 1 ancestral.

    With eta = 0 this is Euler's step along the probability-flow ODE, on the straight path and every other.
    """
    for t, s in pairwise(times):
        step = Transition.between(schedule, s, t, x)
        variance = eta**2 * step.posterior_variance
        x = step.backward(x, denoise(x, t), variance)
        if variance > 0:
            x = x + variance.sqrt() * noise(x)
        yield x


@sampler
def ancestral(
    denoise: Denoise, schedule: Schedule, x: Wave, times: Times, noise: Noise, *, clamp: float | None = None
) -> Iterator[Wave]:
    """Walk with DDPM's posterior (Ho et al. 2020, algorithm 2); no noise is added in the last step.

    `clamp` bounds the state itself after every step, as lmnt's DiffWave does; None leaves it free.
    """
    for t, s in pairwise(times):
        step = Transition.between(schedule, s, t, x)
        x = step.posterior_mean(x, denoise(x, t))
        if s > 0:
            x = x + step.posterior_variance.sqrt() * noise(x)
        x = x if clamp is None else x.clamp(-clamp, clamp)
        yield x
