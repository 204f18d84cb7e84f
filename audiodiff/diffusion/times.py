"""Draws of t for training: functions (schedule, n, generator) -> n times in (0, 1], float64.

On a beta table every time is a training step (rounded up to one), on other schedules any real number.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.diffusion.betas import DiscreteBetas, at_least_one
from audiodiff.diffusion.schedules import Schedule, time_of_log_snr
from audiodiff.types import Time

Drawn = Float[Tensor, " n"]


def uniform_times(schedule: Schedule, n: int, generator: torch.Generator | None = None) -> Drawn:
    """Draw t uniformly (Ho et al. 2020, algorithm 1)."""
    return _training_steps(schedule, 1 - _rand(n, generator))


def stratified_times(schedule: Schedule, n: int, generator: torch.Generator | None = None) -> Drawn:
    """Draw n evenly spaced times with one random offset: uniform, of low variance (Kingma et al. 2021, app. I.1)."""
    offset = _rand(1, generator)
    return _training_steps(schedule, 1 - (offset + torch.arange(n, device=offset.device) / n) % 1)


def log_normal_times(
    schedule: Schedule,
    n: int,
    generator: torch.Generator | None = None,
    *,
    mean: float = -1.2,
    std: float = 1.2,
) -> Drawn:
    """Draw ln(sigma / alpha) from N(mean, std²), clamped into the schedule (Karras et al. 2022, table 1)."""
    level = mean + std * _randn(n, generator)
    return _training_steps(schedule, time_of_log_snr(schedule, -2 * level))


def logit_normal_times(
    schedule: Schedule,
    n: int,
    generator: torch.Generator | None = None,
    *,
    mean: float = 0.0,
    std: float = 1.0,
) -> Drawn:
    """Draw t as the sigmoid of N(mean, std²) (Esser et al. 2024, eq. 19, time reversed)."""
    return _training_steps(schedule, (mean + std * _randn(n, generator)).sigmoid())


class ImportanceTimes(nn.Module):
    """Draw t in proportion to sqrt(E[loss²]) of its bin, once every bin has a full history (improved DDPM, eq. 18).

    Call `record` with every batch's losses, and multiply them by `correction`, which keeps their mean unbiased.
    The history is part of the state dict, so that a resumed run draws as if it had never stopped.
    """

    def __init__(self, *, n_bins: int, history: int = 10, floor: float = 1e-3) -> None:
        super().__init__()
        self.floor = floor
        self.losses: Tensor
        self.counts: Tensor
        shape = (at_least_one(n_bins), history)
        self.register_buffer("losses", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(n_bins, dtype=torch.long))

    def forward(self, schedule: Schedule, n: int, generator: torch.Generator | None = None) -> Drawn:
        """Draw n times: a bin by its probability, then evenly inside the bin."""
        chances = self.probabilities().to(_device(generator))
        bins = torch.multinomial(chances, n, replacement=True, generator=generator)
        return _training_steps(schedule, (bins + 1 - _rand(n, generator)) / len(chances))

    def probabilities(self) -> Float[Tensor, " n_bins"]:
        """Return the chance of every bin; a share `floor` of all draws stays uniform."""
        uniform = torch.full_like(self.losses[:, 0], 1 / len(self.losses))
        if (self.counts < self.losses.shape[1]).any():
            return uniform
        size = self.losses.square().mean(dim=1).sqrt()
        return (1 - self.floor) * size / size.sum() + self.floor * uniform

    def correction(self, t: Time) -> Time:
        """Return 1 / (n_bins p(t)), the weight that undoes the uneven draw."""
        return 1 / (len(self.losses) * self.probabilities()[self._bin(t)])

    def record(self, t: Drawn, loss: Float[Tensor, " n"]) -> None:
        """Remember the losses at the times t, the oldest of each bin making way."""
        for bin_, value in zip(self._bin(t).tolist(), loss.detach().tolist(), strict=True):
            self.losses[bin_, self.counts[bin_] % self.losses.shape[1]] = value
            self.counts[bin_] += 1

    def _bin(self, t: Time) -> Tensor:
        n_bins = len(self.losses)
        return ((t.to(self.losses) * n_bins - 1e-9).ceil().long() - 1).clamp(0, n_bins - 1)


def _training_steps(schedule: Schedule, t: Drawn) -> Drawn:
    if not isinstance(schedule, DiscreteBetas):
        return t
    return (t * schedule.n_steps).ceil().clamp(min=1) / schedule.n_steps


def _rand(n: int, generator: torch.Generator | None) -> Drawn:
    return torch.rand(at_least_one(n), generator=generator, dtype=torch.float64, device=_device(generator))


def _randn(n: int, generator: torch.Generator | None) -> Drawn:
    return torch.randn(at_least_one(n), generator=generator, dtype=torch.float64, device=_device(generator))


def _device(generator: torch.Generator | None) -> torch.device:
    return torch.device("cpu") if generator is None else generator.device
