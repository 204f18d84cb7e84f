"""Multistep solvers: one network call a step, x_0 extrapolated in log-SNR from the calls before."""

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
    guess: Literal["reference", "polynomial"] = "reference",
) -> Iterator[Wave]:
    """Sample with DPM-Solver++(3M) (Lu et al. 2022b).

    `guess` "reference" is the rule of the published code, which halves the curvature and so stays of second order;
    "polynomial" is of third order.
    """
    rule = _rule(guess, {"reference": reference_third_order, "polynomial": polynomial})
    return _multistep(denoise, schedule, x, times, noise, order=3, eta=0.0, rule=rule)


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
) -> Iterator[Wave]:
    past: list[PastEstimate] = []
    for steps_left, (t, s) in zip(range(len(times) - 1, 0, -1), pairwise(times), strict=True):
        past = remember(PastEstimate(half_log_snr(schedule, t), denoise(x, t)), past, order)
        x_0 = rule(past[:steps_left], half_log_snr(schedule, s))  # the last steps are of lower order
        x = ddim_step(x, x_0, Transition.between(schedule, s, t), noise, eta)
        yield x
