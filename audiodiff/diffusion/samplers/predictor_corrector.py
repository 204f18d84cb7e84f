"""UniPC: a multistep predictor whose every step is corrected, at no further call, by the next estimate."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, get_args

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.grids import Times
from audiodiff.diffusion.process import Transition
from audiodiff.diffusion.samplers.exponential import PastEstimate, half_log_snr, polynomial, remember
from audiodiff.diffusion.samplers.signature import sampler
from audiodiff.diffusion.schedules import Schedule
from audiodiff.errors import ConfigError
from audiodiff.types import Noise, Wave

Variant = Literal["bh1", "bh2"]
"""The function B(h) = h or exp(h) - 1, which matters where one difference alone is used."""


@sampler
def unipc(
    denoise: Denoise,
    schedule: Schedule,
    x: Wave,
    times: Times,
    noise: Noise,
    *,
    order: int = 2,
    variant: Variant = "bh2",
) -> Iterator[Wave]:
    """Sample with UniPC in x_0 form (Zhao et al. 2023); yields the predicted states.

    `order` is that of the predictor, 1 to 3; the corrector makes the whole one order higher.
    """
    if order not in (1, 2, 3) or variant not in get_args(Variant):
        raise ConfigError(f"expected order 1, 2 or 3 and variant bh1 or bh2, got {order!r} and {variant!r}.")

    def states(x: Wave) -> Iterator[Wave]:
        past: list[PastEstimate] = []
        used, begin, step = past, x, None
        for steps_left, (t, s) in zip(range(len(times) - 1, 0, -1), pairwise(times), strict=True):
            now = PastEstimate(half_log_snr(schedule, t), denoise(x, t))
            if step is not None and math.isfinite(used[0].at):
                x = step.backward(begin, _average([*used, now], now.at, variant))
            past = remember(now, past, order)
            begin, used, step = x, past[:steps_left], Transition.between(schedule, s, t)
            x = step.backward(x, _average(used, half_log_snr(schedule, s), variant))
            yield x

    return states(x)


def _average(estimates: Sequence[PastEstimate], to: float, variant: Variant) -> Wave:
    """Guess the average x_0 of a step; from a single difference by the paper's rule a_1 = 1/2."""
    if len(estimates) != 2:
        return polynomial(estimates, to)
    now, other = estimates
    h = to - now.at
    share = h / -math.expm1(-h) if variant == "bh1" else 1.0
    return now.x_0 + share / 2 * h / (other.at - now.at) * (other.x_0 - now.x_0)
