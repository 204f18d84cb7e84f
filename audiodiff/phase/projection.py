"""Waveforms pulled to given magnitudes: the projection of Griffin-Lim guidance."""

from dataclasses import dataclass

import torch

from audiodiff.audio.stft import Stft
from audiodiff.phase.griffin_lim import griffin_lim
from audiodiff.types import Magnitudes, Wave


@dataclass(frozen=True, eq=False)
class MagnitudeProjection:
    """Give a waveform these STFT magnitudes and keep its phases as far as they fit (GLA-Grad, Liu et al. 2024).

    It is the `project` of `audiodiff.diffusion.projection`; `magnitudes` come from the mel to be spoken.
    """

    magnitudes: Magnitudes
    stft: Stft
    iterations: int = 32

    def __call__(self, wave: Wave) -> Wave:
        """Project `hop_length · frames` samples."""
        return griffin_lim(self.magnitudes, torch.sgn(self.stft(wave)), self.stft, self.iterations)
