"""Multistep solvers: one network call a step, x_0 extrapolated in log-SNR from the calls before."""

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Literal

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.grids import Times
from audiodiff.diffusion.process import Transition
from audiodiff.diffusion.samplers.exponential import (
    PastEstimate,
    Rule,
    half_log_snr,
    midpoint,
    polynomial,
    reference_third_order,
    remember,
    sde_rate,
)
from audiodiff.diffusion.samplers.first_order import ddim_step
from audiodiff.diffusion.samplers.signature import sampler
from audiodiff.diffusion.schedules import Schedule
from audiodiff.errors import ConfigError
from audiodiff.types import Noise, Wave


@sampler
def dpmpp_2m(
    denoise: Denoise,
    schedule: Schedule,
    x: Wave,
    times: Times,
    noise: Noise,
    *,
    eta: float = 0.0,
    guess: Literal["midpoint", "polynomial"] = "midpoint",
) -> Iterator[Wave]:
    """Sample with DPM-Solver++(2M) (Lu et al. 2022b, algorithm 2), or with eta = 1 its SDE form.

    `eta` is DDIM's share of the posterior's standard deviation. k-diffusion's eta is another one, e with
    exp(-2 h e) = 1 - eta² (1 - exp(-2 h)) for a step of h in ln(alpha / sigma); at 0 and 1 they are the same.

    `guess` "polynomial" integrates the line through two estimates exactly; diffusers calls that "heun".
    """
    rule = _rule(guess, {"midpoint": midpoint, "polynomial": polynomial})
    return _multistep(denoise, schedule, x, times, noise, order=2, eta=eta, rule=rule)


@sampler
def dpmpp_3m(
    denoise: Denoise,
    schedule: Schedule,
    x: Wave,
    times: Times,
    noise: Noise,
    *,
    eta: float = 0.0,
    guess: Literal["reference", "polynomial"] = "reference",
) -> Iterator[Wave]:
    """Sample with DPM-Solver++(3M) (Lu et al. 2022b), or with eta = 1 its SDE form (`eta` as in `dpmpp_2m`).

    `guess` "reference" is the rule of the published code, which halves the curvature and so stays of second order;
    "polynomial" is of third order: without noise its first step is corrected, as in UniPC and at no further call, by
    the estimate at its end, since a first step of first order would leave second order in the whole.
    """
    rule = _rule(guess, {"reference": reference_third_order, "polynomial": polynomial})
    corrected = guess == "polynomial" and eta == 0
    return _multistep(denoise, schedule, x, times, noise, order=3, eta=eta, rule=rule, corrected=corrected)


def _rule(guess: str, rules: Mapping[str, Rule]) -> Rule:
    if guess not in rules:
        raise ConfigError(f"guess = {guess!r}: expected one of {', '.join(rules)}.")
    return rules[guess]


def _multistep(
    denoise: Denoise,
    schedule: Schedule,
    x: Wave,
    times: Times,
    noise: Noise,
    *,
    order: int,
    eta: float,
    rule: Rule,
    corrected: bool = False,
) -> Iterator[Wave]:
    past: list[PastEstimate] = []
    first: tuple[PastEstimate, Wave, Transition] | None = None
    for steps_left, (t, s) in zip(range(len(times) - 1, 0, -1), pairwise(times), strict=True):
        now = PastEstimate(half_log_snr(schedule, t), denoise(x, t))
        if first is not None:
            before, begin, step = first
            x, first = step.backward(begin, polynomial([before, now], now.at)), None
        past = remember(now, past, order)
        step, end = Transition.between(schedule, s, t), half_log_snr(schedule, s)
        if corrected and len(past) == 1 and math.isfinite(now.at) and steps_left > 1:
            first = (now, x, step)
        x_0 = rule(past[:steps_left], end, sde_rate(now.at, end, eta))  # the last steps are of lower order
        x = ddim_step(x, x_0, step, noise, eta)
        yield x
