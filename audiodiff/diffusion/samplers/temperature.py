"""Sampling from noise of another standard deviation than the model was trained on."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from audiodiff.diffusion.denoiser import Denoise
from audiodiff.diffusion.grids import Times
from audiodiff.diffusion.samplers.signature import Sampler
from audiodiff.diffusion.schedules import Schedule
from audiodiff.errors import ConfigError
from audiodiff.types import Noise, Temperature, Wave, real_number


@dataclass(frozen=True)
class Tempered:
    """A sampler whose first state and later draws are both multiplied by `temperature`.

    The first state must be noise alone, as it is where sampling starts. (Grad-TTS, Popov et al. 2021, section 3,
    tempers the first state; it has no later draws.)
    """

    sampler: Sampler
    temperature: float

    def __call__(
        self, denoise: Denoise, schedule: Schedule, x: Wave, times: Times, noise: Noise, **options: object
    ) -> Iterator[Wave]:
        """Sample."""
        tempered = self.temperature

        def less(like: Wave) -> Wave:
            return tempered * noise(like)

        return self.sampler(denoise, schedule, tempered * x, times, less, **options)


def tempered(sampler: Sampler, temperature: Temperature) -> Sampler:
    """The sampler at a noise temperature: 1 is the sampler itself, 0 has no noise, so that every seed says the same.

    Raises `ConfigError` for what is no finite number from 0 on.
    """
    factor = real_number(temperature)
    if factor is None or not 0 <= factor < math.inf:
        raise ConfigError(
            f"got temperature={temperature!r:.60}: expected a number from 0 (no noise) up; 1 is as trained"
        )
    return sampler if factor == 1 else Tempered(sampler, factor)
