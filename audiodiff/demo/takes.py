"""Takes: the waveforms after every denoising step, with the time that they took."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int16
from torch import Tensor

from audiodiff.audio.io import FULL_SCALE
from audiodiff.demo.limits import Limits
from audiodiff.types import Hertz, OneMel, Seconds
from audiodiff.vocoder import Vocoder

Pcm = Int16[np.ndarray, " samples"]
"""Sound as it is played and kept: 16 bits take half of the memory."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a sampler; None is the model's own."""

    sampler: str | None = None
    steps: int | None = None
    seed: int = 0

    def __str__(self) -> str:
        steps = "its own number of" if self.steps is None else self.steps
        return f"{self.sampler or 'its own sampler'}, {steps} steps"


@dataclass(frozen=True, kw_only=True)
class Take:
    """The waveforms after the steps that were `taken` so far, of `n_steps`; the last one is the result."""

    states: tuple[Pcm, ...]
    taken: int
    n_steps: int
    sample_rate: Hertz
    elapsed: Seconds

    @property
    def wave(self) -> Pcm:
        """The newest waveform."""
        return self.states[-1]

    @property
    def duration(self) -> Seconds:
        """Of the sound."""
        return len(self.wave) / self.sample_rate

    @property
    def done(self) -> bool:
        """Check whether the last step was taken."""
        return self.taken == self.n_steps

    def without_history(self) -> "Take":
        """The newest waveform alone, which takes less memory."""
        return replace(self, states=self.states[-1:])

    def __str__(self) -> str:
        if not self.done:
            return f"step {self.taken} of {self.n_steps}"
        return (
            f"{self.duration:.2f} s at {self.sample_rate} Hz in {self.elapsed:.2f} s, "
            f"RTF {self.elapsed / self.duration:.3f}, {self.n_steps} steps"
        )


def takes(vocoder: Vocoder, mel: OneMel, settings: Settings, limits: Limits) -> Iterator[Take]:
    """Vocode a mel of the vocoder's own convention; yield after every step, so that it can be watched and stopped.

    Only the time between asking for a step and getting it counts. Raises `ConfigError` for settings that are not
    served, before the first step.
    """
    limits.check_steps(settings.steps)
    sampler, states, elapsed = settings.sampler, [], 0.0
    n_steps = len(vocoder.times(settings.steps)) - 1
    waves = vocoder.each_step(mel, spec=vocoder.mel_spec, n_steps=settings.steps, sampler=sampler, seed=settings.seed)
    while True:
        started = time.perf_counter()
        wave = next(waves, None)
        elapsed += time.perf_counter() - started
        if wave is None:
            return
        states.append(pcm(wave))
        yield Take(
            states=tuple(states), taken=len(states), n_steps=n_steps, sample_rate=vocoder.sample_rate, elapsed=elapsed
        )


def pcm(wave: Float[Tensor, " samples"]) -> Pcm:
    """A waveform in 16 bits, clipped at ±1."""
    scaled = (wave.detach().cpu() * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1)
    return scaled.to(torch.int16).numpy()
