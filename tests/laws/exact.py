"""Data whose perfect denoiser is known in closed form, so that any error is the sampler's own."""

from collections.abc import Callable

import torch

from audiodiff.diffusion import Denoise, Schedule


def gaussian_denoiser(schedule: Schedule, std: float = 0.5, mean: float = 0.0) -> Denoise:
    """E[x_0 | x_t] for x_0 ~ N(mean, std²)."""

    def denoise(x_t, t):
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        gain = alpha * std**2 / (alpha**2 * std**2 + sigma**2)
        return mean + gain * (x_t - alpha * mean)

    return denoise


def normal(seed: int = 0) -> Callable[[torch.Tensor], torch.Tensor]:
    """Noise from a generator of its own."""
    generator = torch.Generator().manual_seed(seed)
    return lambda x: torch.randn(x.shape, generator=generator, dtype=x.dtype)
