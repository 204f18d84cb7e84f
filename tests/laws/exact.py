"""Data whose perfect denoiser is known in closed form, so that any error is the sampler's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from audiodiff.diffusion import Denoise, Schedule, fit


@dataclass(frozen=True)
class Mixture:
    """Samples drawn independently from a mixture of Gaussians."""

    means: Sequence[float]
    stds: Sequence[float]
    weights: Sequence[float]

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        chosen = torch.multinomial(torch.tensor(self.weights), shape[0] * shape[1], True, generator=generator)
        means, stds = torch.tensor(self.means)[chosen], torch.tensor(self.stds)[chosen]
        return (means + stds * torch.randn(len(chosen), generator=generator)).reshape(shape)

    def cdf(self, x: Tensor) -> Tensor:
        parts = zip(self.weights, self.means, self.stds, strict=True)
        return sum(w * torch.special.ndtr((x - m) / s) for w, m, s in parts)

    def log_density(self, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """ln q(x_t): the data seen through the noise."""
        return torch.logsumexp(self._log_parts(x_t, alpha, sigma), dim=0)

    def denoiser(self, schedule: Schedule) -> Denoise:
        """E[x_0 | x_t]."""

        def denoise(x_t, t):
            alpha, sigma = fit(schedule.alpha(t), x_t), fit(schedule.sigma(t), x_t)
            share = self._log_parts(x_t, alpha, sigma).softmax(dim=0)
            pairs = zip(share, self.means, self.stds, strict=True)
            return sum(p * (m + alpha * s**2 / (alpha**2 * s**2 + sigma**2) * (x_t - alpha * m)) for p, m, s in pairs)

        return denoise

    def _log_parts(self, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        parts = []
        for w, m, s in zip(self.weights, self.means, self.stds, strict=True):
            variance = alpha**2 * s**2 + sigma**2
            log_normal = -((x_t - alpha * m) ** 2 / variance + (2 * torch.pi * variance).log()) / 2
            parts.append(torch.tensor(w).log() + log_normal)
        return torch.stack(parts)


GAUSSIAN = Mixture(means=(0.3,), stds=(0.5,), weights=(1.0,))
TWO_MODES = Mixture(means=(-0.6, 0.4), stds=(0.15, 0.25), weights=(0.35, 0.65))


def gaussian_denoiser(schedule: Schedule, std: float = 0.5) -> Denoise:
    """E[x_0 | x_t] for x_0 ~ N(0, std²)."""
    return Mixture(means=(0.0,), stds=(std,), weights=(1.0,)).denoiser(schedule)


def normal(seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Noise from a generator of its own."""
    generator = torch.Generator().manual_seed(seed)
    return lambda x: torch.randn(x.shape, generator=generator, dtype=x.dtype)
