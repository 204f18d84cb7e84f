"""Discrete schedules: a table of betas, one per training step (Ho et al. 2020, eq. 4)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from audiodiff.errors import ConfigError
from audiodiff.types import Time


class DiscreteBetas:
    """A variance-preserving schedule given by betas: alpha² = prod(1 - beta), sigma² = 1 - alpha².

    Training step k = 0 ... T-1 lies at t = (k + 1) / T, so that `step = t T - 1`; t = 0 is clean. Between the
    steps alpha is linear in t, as DiffWave places noise levels between steps (Kong et al. 2021, appendix B).

    Raises ConfigError for an empty list or a beta outside (0, 1); the last one may be 1 (zero terminal SNR).
    """

    def __init__(self, *, betas: Sequence[float]) -> None:
        self.betas = torch.tensor(list(betas), dtype=torch.float64)
        _check_betas(self.betas)
        clean = torch.ones(1, dtype=torch.float64)
        self.alphas = torch.cat([clean, (1 - self.betas).cumprod(0).sqrt()])
        self._copies = {self.alphas.device: self.alphas}

    def __repr__(self) -> str:
        first, last = self.betas[0].item(), self.betas[-1].item()
        return f"{type(self).__name__}({self.n_steps} betas from {first:.3g} to {last:.3g})"

    @property
    def n_steps(self) -> int:
        """The number T of training steps."""
        return len(self.betas)

    def alpha(self, t: Time) -> Time:
        """Return sqrt(alpha_bar), linear between the steps of the table."""
        return self._alpha(t).to(t.dtype)

    def sigma(self, t: Time) -> Time:
        """Return sqrt(1 - alpha_bar)."""
        alpha = self._alpha(t)
        return ((1 - alpha) * (1 + alpha)).sqrt().to(t.dtype)

    def time_of_alpha(self, alpha: Time) -> Time:
        """Invert `alpha` in float64, clamped to the training steps: the result lies in [1/T, 1]."""
        rising = self._alphas_on(alpha.device).flip(0)
        alpha = alpha.double().clamp(rising[0], rising[-2])
        right = torch.searchsorted(rising, alpha).clamp(1, self.n_steps - 1)
        share = (alpha - rising[right - 1]) / (rising[right] - rising[right - 1])
        return 1 - (right - 1 + share) / self.n_steps

    def _alphas_on(self, device: torch.device) -> Tensor:
        """The table on a device; copied once, since a GPU that waits for a copy at every step stands still."""
        if device not in self._copies:
            self._copies[device] = self.alphas.to(device)
        return self._copies[device]

    def _alpha(self, t: Time) -> Tensor:
        table = self._alphas_on(t.device)
        position = t.double().clamp(0, 1) * self.n_steps
        left = position.long().clamp(max=self.n_steps - 1)
        return torch.lerp(table[left], table[left + 1], position - left)


class LinearBetas(DiscreteBetas):
    """Betas that rise linearly.

    DDPM: 1e-4 to 0.02 in 1000 steps (Ho et al. 2020, section 4). DiffWave: 1e-4 to 0.05 in 50, or to 0.02 in
    200 (Kong et al. 2021, section 5.1). WaveGrad: 1e-6 to 0.01 in 1000 (Chen et al. 2021).
    """

    def __init__(self, *, first: float, last: float, n_steps: int) -> None:
        super().__init__(betas=torch.linspace(first, last, at_least_one(n_steps), dtype=torch.float64).tolist())


class CosineBetas(DiscreteBetas):
    """Betas whose alpha_bar follows a squared cosine (Nichol & Dhariwal 2021, eq. 17)."""

    def __init__(self, *, n_steps: int, offset: float = 0.008, largest: float = 0.999) -> None:
        angle = (torch.linspace(0, 1, at_least_one(n_steps) + 1, dtype=torch.float64) + offset) / (1 + offset)
        alpha_bar = (angle * torch.pi / 2).cos() ** 2
        super().__init__(betas=(1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=largest).tolist())


class SigmoidBetas(DiscreteBetas):
    """Betas that rise along a sigmoid from -6 to 6 (GeoDiff, Xu et al. 2022)."""

    def __init__(self, *, first: float, last: float, n_steps: int) -> None:
        rise = torch.linspace(-6, 6, at_least_one(n_steps), dtype=torch.float64).sigmoid()
        super().__init__(betas=(first + (last - first) * rise).tolist())


class ZeroTerminalSNR(DiscreteBetas):
    """Another table, shifted and scaled so that its last step holds no signal (Lin et al. 2024, algorithm 1)."""

    def __init__(self, *, schedule: DiscreteBetas) -> None:
        first, last = schedule.alphas[1], schedule.alphas[-1]
        alphas = (schedule.alphas[1:] - last) * first / (first - last)
        before = torch.cat([torch.ones(1, dtype=torch.float64), alphas[:-1]])
        super().__init__(betas=(1 - (alphas / before) ** 2).tolist())


def at_least_one(n_steps: int) -> int:
    """Return `n_steps`; raise ConfigError if there is no step to take."""
    if n_steps < 1:
        raise ConfigError(f"n_steps = {n_steps}: a process needs at least one step, so give 1 or more.")
    return n_steps


def _check_betas(betas: Tensor) -> None:
    if len(betas) == 0:
        raise ConfigError("a schedule needs at least one beta, got an empty list; DiffWave uses 50.")
    inside = (betas > 0) & (betas < 1)
    inside[-1] |= betas[-1] == 1
    if not inside.all():
        step = int((~inside).nonzero()[0])
        raise ConfigError(
            f"beta {betas[step].item():g} at step {step} lies outside (0, 1); "
            "every step must add some noise and only the last may remove all signal. Correct the list."
        )
