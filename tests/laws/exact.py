"""Data whose perfect denoiser is known in closed form, so that any error is the sampler's own."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from audiodiff.diffusion import Denoise, Schedule, fit


class Mixture:
    """Samples drawn independently from a mixture of Gaussians."""

    def __init__(self, means: Sequence[float], stds: Sequence[float], weights: Sequence[float]):
        self.means, self.stds, self.weights = (
            torch.tensor(values, dtype=torch.float64).reshape(-1, 1, 1) for values in (means, stds, weights)
        )

    def draw(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        chosen = torch.multinomial(self.weights.flatten(), shape[0] * shape[1], True, generator=generator)
        unit = torch.randn(len(chosen), generator=generator, dtype=torch.float64)
        return (self.means.flatten()[chosen] + self.stds.flatten()[chosen] * unit).reshape(shape)

    def log_density(self, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """ln q(x_t): the data seen through the noise."""
        return self._log_parts(x_t, alpha, sigma).logsumexp(dim=0)

    def cdf(self, x: Tensor) -> Tensor:
        return (self.weights * torch.special.ndtr((x - self.means) / self.stds)).sum(dim=0).flatten()

    def denoiser(self, schedule: Schedule) -> Denoise:
        """E[x_0 | x_t]: every part's own estimate, weighted by how likely x_t is its."""

        def denoise(x_t, t):
            alpha, sigma = fit(schedule.alpha(t), x_t), fit(schedule.sigma(t), x_t)
            gain = alpha * self.stds**2 / (alpha**2 * self.stds**2 + sigma**2)
            estimates = self.means + gain * (x_t - alpha * self.means)
            return (self._log_parts(x_t, alpha, sigma).softmax(dim=0) * estimates).sum(dim=0).to(x_t.dtype)

        return denoise

    def _log_parts(self, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        variance = alpha**2 * self.stds**2 + sigma**2
        scale = self.weights.log() - (2 * torch.pi * variance).log() / 2
        return scale - (x_t - alpha * self.means) ** 2 / (2 * variance)


GAUSSIAN = Mixture(means=(0.3,), stds=(0.5,), weights=(1.0,))
TWO_MODES = Mixture(means=(-0.6, 0.4), stds=(0.15, 0.25), weights=(0.35, 0.65))


def gaussian_denoiser(schedule: Schedule, std: float = 0.5) -> Denoise:
    """E[x_0 | x_t] for x_0 ~ N(0, std²)."""
    return Mixture(means=(0.0,), stds=(std,), weights=(1.0,)).denoiser(schedule)


def normal(seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Noise from a generator of its own."""
    generator = torch.Generator().manual_seed(seed)
    return lambda x: torch.randn(x.shape, generator=generator, dtype=x.dtype)
