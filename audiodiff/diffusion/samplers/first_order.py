"""First-order samplers: DDIM, which is also the Euler step, and the ancestral sampler of DDPM."""

from collections.abc import Iterator
from itertools import pairwise

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.grids import Times
from audiodiff.diffusion.process import Transition
from audiodiff.diffusion.reverse import Variance, check_variance, reverse
from audiodiff.diffusion.samplers.signature import sampler
from audiodiff.diffusion.schedules import Schedule
from audiodiff.types import Noise, Wave


@sampler
def ddim(
    denoise: Denoise, schedule: Schedule, x: Wave, times: Times, noise: Noise, *, eta: float = 0.0
) -> Iterator[Wave]:
    """Sample with DDIM (Song et al. 2021, eq. 12 and 16): eta = 0 is deterministic, eta = 1 ancestral.

    With eta = 0 this is Euler's step along the probability-flow ODE, on the straight path and every other.
    """
    for t, s in pairwise(times):
        x = ddim_step(x, denoise(x, t), Transition.between(schedule, s, t), noise, eta)
        yield x


def ddim_step(x: Wave, x_0: Wave, step: Transition, noise: Noise, eta: float) -> Wave:
    """Move from x_t to x_s along the estimate `x_0`, with `eta` of the posterior's noise."""
    variance = eta**2 * step.posterior_variance
    x = step.backward(x, x_0, variance)
    return x + variance.sqrt() * noise(x) if variance > 0 else x


@sampler
def ancestral(
    denoise: Denoise,
    schedule: Schedule,
    x: Wave,
    times: Times,
    noise: Noise,
    *,
    variance: Variance = "small",
    clamp: float | None = None,
) -> Iterator[Wave]:
    """Sample with DDPM (Ho et al. 2020, algorithm 2); no noise is added in the last step.

    `clamp` bounds the state itself after every step, as lmnt's DiffWave does; None leaves it free.
    """
    check_variance(denoise, variance)

    def states(x: Wave) -> Iterator[Wave]:
        for t, s in pairwise(times):
            step = Transition.between(schedule, s, t)
            x, spread = reverse(denoise, x, t, step, variance)
            x = x + spread.sqrt() * noise(x) if s > 0 else x
            x = x if clamp is None else x.clamp(-clamp, clamp)
            yield x

    return states(x)
