"""A denoiser: network, schedule and prediction together, (x_t, t, cond) -> x_0."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion.predictions import Prediction
from audiodiff.diffusion.schedules import Schedule
from audiodiff.errors import ConfigError
from audiodiff.types import Time, Wave

Denoise = Callable[[Wave, Time], Wave]
"""(x_t, t) -> x_0 with the condition already bound: all that a sampler needs to know of a model."""

LARGEST_GAIN = 1e6


class Denoiser(nn.Module):
    """Estimates x_0 from x_t with a network that is called as `network(x_t, t, cond)`.

    Raises ConfigError where the prediction cannot recover x_0 from pure noise and the schedule ends in it.
    """

    def __init__(self, *, network: nn.Module, schedule: Schedule, prediction: Prediction) -> None:
        super().__init__()
        self.network = network
        self.schedule = schedule
        self.prediction = prediction
        _check_gain(schedule, prediction)

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Return the estimate of x_0; t is one time for all or one per item of the batch."""
        return self.prediction.x0(self.output(x_t, t, cond), x_t, t, self.schedule)

    def output(self, x_t: Wave, t: Time, cond: Conditioning) -> Tensor:
        """Return what the network itself says, in the units of `prediction.target`."""
        label = self.prediction.noise_label(t, self.schedule)
        precise = torch.promote_types(x_t.dtype, torch.float32)
        label = label.to(device=x_t.device, dtype=precise).expand(len(x_t))
        return self.network(self.prediction.scale_input(x_t, t, self.schedule), label, cond)

    def bind(self, cond: Conditioning) -> Denoise:
        """Fix the condition: what remains is the (x_t, t) -> x_0 that samplers take."""

        def denoise(x_t: Wave, t: Time) -> Wave:
            return self(x_t, t, cond)

        return denoise


def _check_gain(schedule: Schedule, prediction: Prediction) -> None:
    """Refuse a pair in which an error of the network at t = 1 would be magnified without bound."""
    one = torch.ones((1, 1), dtype=torch.float64)
    t = torch.ones((), dtype=torch.float64)
    gain = (prediction.x0(one, one, t, schedule) - prediction.x0(0 * one, one, t, schedule)).abs()
    if not gain.item() < LARGEST_GAIN:
        raise ConfigError(
            f"{type(prediction).__name__} cannot recover x_0 at t = 1, where {type(schedule).__name__} has "
            f"alpha = {schedule.alpha(t).item():.2g}. Predict x0, v or velocity, or keep some signal."
        )
