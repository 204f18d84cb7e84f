"""The forward process inside an objective: waveforms and mels in, noisy states and their times out."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import ImportanceTimes, Schedule, diffuse
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.types import Mel, Time, Wave

DrawTimes = Callable[[Schedule, int], Time]
"""(schedule, n) -> n times in (0, 1]: one of the functions in `audiodiff.diffusion.times`."""


@dataclass(frozen=True, eq=False)
class Noisy:
    """A batch somewhere along the forward process: x_t = alpha(t)·x_0 + sigma(t)·eps, in the units of the prior."""

    x_0: Wave
    eps: Wave
    x_t: Wave
    t: Time
    cond: Conditioning


def noised_batch(model: DiffusionModel, wave: Wave, mel: Mel, times: DrawTimes) -> Noisy:
    """Draw a time for every item of the batch and take it there."""
    cond = model.prior.condition(mel)
    return noised(model, model.prior.encode(wave, cond), cond, times)


def noised(model: DiffusionModel, x_0: Wave, cond: Conditioning, times: DrawTimes) -> Noisy:
    """Draw a time for every item and take x_0, in the units of the prior, there."""
    eps = model.prior.shape(torch.randn_like(x_0), cond)
    t = times(model.denoiser.schedule, len(x_0)).to(x_0, non_blocking=True)
    return Noisy(x_0=x_0, eps=eps, x_t=diffuse(x_0, eps, t, model.denoiser.schedule), t=t, cond=cond)


def balanced(losses: Tensor, t: Time, times: DrawTimes) -> Tensor:
    """The mean loss; where times are drawn by importance, corrected for that and, in training, remembered."""
    if not isinstance(times, ImportanceTimes):
        return losses.mean()
    corrected = (times.correction(t).to(losses) * losses).mean()
    if times.training:
        times.record(t, losses)
    return corrected
