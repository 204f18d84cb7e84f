"""A denoiser: network, schedule and prediction together, (x_t, t, cond) -> x_0."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion.predictions import LearnedVariance, Prediction
from audiodiff.diffusion.schedules import Schedule
from audiodiff.errors import ConfigError
from audiodiff.types import Time, Wave

Denoise = Callable[[Wave, Time], Wave]
"""(x_t, t) -> x_0 with the condition already bound: all that a sampler needs to know of a model."""

HALVES = (torch.float16, torch.bfloat16)
LARGEST_GAIN = 1e6
"""Factor by which an error of the network may be magnified in x_0 at t = 1: beyond this no float32 sampler survives."""


class Denoiser(nn.Module):
    """Estimates x_0 from x_t with a network that is called as `network(x_t, t, cond)`.

    A network in half precision sees x_t in its own dtype, while the estimate is put together in that of x_t: give
    x_t in float32, since eps in bfloat16 has 8 bits, which sigma / alpha magnifies in x_0 (errors of .7 were seen).

    Raises ConfigError where the prediction cannot recover x_0 from pure noise and the schedule ends in it.
    """

    def __init__(self, *, network: nn.Module, schedule: Schedule, prediction: Prediction) -> None:
        super().__init__()
        self.network = network
        self.schedule = schedule
        self.prediction = prediction
        _check_pair(schedule, prediction)

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Return the estimate of x_0; t is one time for all or one per item of the batch."""
        return self.prediction.x0(self.output(x_t, t, cond), x_t, t, self.schedule)

    def output(self, x_t: Wave, t: Time, cond: Conditioning) -> Tensor:
        """Return what the network itself says, in the units of `prediction.target`."""
        return self.call_network(lambda x, label: self.network(x, label, cond), x_t, t)

    def call_network(self, network: "BoundNetwork", x_t: Wave, t: Time) -> Tensor:
        """Return what a network whose condition is fixed says."""
        label = self.prediction.noise_label(t, self.schedule)
        precise = torch.promote_types(x_t.dtype, torch.float32)
        label = label.to(device=x_t.device, dtype=precise, non_blocking=True).expand(len(x_t))
        seen = self.prediction.scale_input(x_t, t, self.schedule)
        own = next((p.dtype for p in self.network.parameters() if p.is_floating_point()), seen.dtype)
        return network(seen.to(own), label).to(x_t.dtype) if own in HALVES else network(seen, label)

    def bind(self, cond: Conditioning) -> "BoundDenoiser":
        """Fix the condition: what remains is the (x_t, t) -> x_0 that samplers take."""
        return BoundDenoiser(self, bound_network(self.network, cond))


BoundNetwork = Callable[[Wave, Time], Tensor]
"""(x_t, label) -> output: a network with the condition already bound."""


@runtime_checkable
class Bindable(Protocol):
    """A network that is faster for many calls with one condition, if it is told so."""

    def bound(self, cond: Conditioning) -> BoundNetwork:
        """Fix the condition; what is computed stays the same."""
        ...


def bound_network(network: nn.Module, cond: Conditioning) -> BoundNetwork:
    """The network with its condition fixed, in its own way if it has one."""
    return network.bound(cond) if isinstance(network, Bindable) else lambda x, label: network(x, label, cond)


@dataclass(frozen=True, eq=False)
class BoundDenoiser:
    """A denoiser whose condition is fixed: a `Denoise`."""

    denoiser: Denoiser
    network: BoundNetwork

    def __call__(self, x_t: Wave, t: Time) -> Wave:
        """Return the estimate of x_0."""
        output = self.denoiser.call_network(self.network, x_t, t)
        return self.denoiser.prediction.x0(output, x_t, t, self.denoiser.schedule)

    def with_share(self, x_t: Wave, t: Time) -> tuple[Wave, Tensor]:
        """Return the estimate of x_0 and, from the same network call, the v of a `LearnedVariance`."""
        prediction = self.denoiser.prediction
        if not isinstance(prediction, LearnedVariance):
            raise ConfigError(
                f"the learned variance was asked of a model with {type(prediction).__name__}; "
                "train one with LearnedVariance, or sample with variance small or large."
            )
        output = self.denoiser.call_network(self.network, x_t, t)
        return prediction.x0(output, x_t, t, self.denoiser.schedule), prediction.share(output)


def _check_pair(schedule: Schedule, prediction: Prediction) -> None:
    """Refuse a pair that fails at t = 1: an estimate magnified without bound, or a label that is not finite."""
    t = torch.ones((), dtype=torch.float64)
    gain = prediction.c_out(schedule.alpha(t), schedule.sigma(t)).abs().item()
    if not gain < LARGEST_GAIN or not prediction.noise_label(t, schedule).isfinite():
        raise ConfigError(
            f"{type(prediction).__name__} does not work at t = 1, where {type(schedule).__name__} has "
            f"alpha = {schedule.alpha(t).item():.2g}: predict x0, v or velocity, or let the schedule keep signal."
        )
