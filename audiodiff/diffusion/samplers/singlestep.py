"""Single-step solvers: two network calls a step, the second half-way in log-SNR."""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.grids import Times
from audiodiff.diffusion.process import Transition
from audiodiff.diffusion.samplers.exponential import half_log_snr
from audiodiff.diffusion.samplers.first_order import ddim_step
from audiodiff.diffusion.samplers.signature import sampler
from audiodiff.diffusion.schedules import Schedule, time_of_log_snr
from audiodiff.types import Noise, Wave


@sampler
def dpmpp_2s(
    denoise: Denoise, schedule: Schedule, x: Wave, times: Times, noise: Noise, *, eta: float = 0.0
) -> Iterator[Wave]:
    """Sample with DPM-Solver++(2S) (Lu et al. 2022b, algorithm 1, r = 1/2), or with eta = 1 as k-diffusion's DPM++ SDE.

    A step goes half-way, and then anew from its start with the estimate made there. From pure noise, whose middle lies
    nowhere, and to clean it is a DDIM step. `eta` is DDIM's; both halves draw noise of their own, where k-diffusion's
    come from one Brownian path.
    """
    for t, s in pairwise(times):
        x_0, ends = denoise(x, t), (half_log_snr(schedule, t), half_log_snr(schedule, s))
        if all(math.isfinite(end) for end in ends):
            middle = time_of_log_snr(schedule, torch.tensor(sum(ends), dtype=torch.float64))
            half = ddim_step(x, x_0, Transition.between(schedule, middle, t), noise, eta)
            x_0 = denoise(half, middle)
        x = ddim_step(x, x_0, Transition.between(schedule, s, t), noise, eta)
        yield x
