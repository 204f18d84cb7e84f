"""The one signature of all samplers, and the checks that run when one is called, before its first step."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.grids import Times, check_grid
from audiodiff.diffusion.schedules import Schedule
from audiodiff.types import Noise, Wave

SamplerOptions = ParamSpec("SamplerOptions")
Sampler = Callable[Concatenate[Denoise, Schedule, Wave, Times, Noise, SamplerOptions], Iterator[Wave]]
"""sampler(denoise, schedule, x, times, noise) yields the state after every step; the last is the waveform.

`x` is the state at times[0]; `noise` draws fresh noise shaped like its argument, and a deterministic sampler
never calls it. Coefficients are float64, states keep the dtype of `x`: float32 is wanted, whatever the network's, as
states in half precision lose what a step of many changes. Gradients are left to the caller.
"""


def sampler(generator: Sampler[SamplerOptions]) -> Sampler[SamplerOptions]:
    """Let a generator check its grid when it is called, not at its first step."""

    @wraps(generator)
    def checked(
        denoise: Denoise,
        schedule: Schedule,
        x: Wave,
        times: Times,
        noise: Noise,
        *args: SamplerOptions.args,
        **options: SamplerOptions.kwargs,
    ) -> Iterator[Wave]:
        times = times.detach().to("cpu").double()
        check_grid(schedule, times)
        return generator(denoise, schedule, x, times, noise, *args, **options)

    return checked
