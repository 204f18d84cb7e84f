"""The frame-rate network without a mel: waveforms from noise, told at most what holds for the whole clip."""

import torch
from torch import nn

from audiodiff.audio.spec import MelSpec
from audiodiff.audio.stft import Stft
from audiodiff.conditioning import Conditioning
from audiodiff.networks.clip_embedding import ClipEmbedding
from audiodiff.networks.embeddings import StepEmbedding
from audiodiff.networks.gated import GatedStack
from audiodiff.types import Time, Wave

FLOOR = 1e-2
"""Magnitudes below this share of the noise's are not told apart."""


class SpectralGenerator(nn.Module):
    """A gated dilated stack between an STFT and its inverse, as in `SpectralDiffWave`, but with nothing to follow.

    It sees the STFT of x_t as real and imaginary parts and as log magnitudes, all divided by the magnitude that
    standard normal noise has. Of `mel` only the STFT is used. `context` is in frames.
    """

    def __init__(
        self,
        *,
        mel: MelSpec,
        channels: int = 256,
        layers: int = 8,
        dilation_cycle: int = 4,
        n_steps: int = 1000,
        step_channels: int = 256,
        clip: ClipEmbedding | None = None,
    ) -> None:
        super().__init__()
        self.stft = Stft(mel)
        self.embedding = StepEmbedding(n_steps=n_steps, channels=step_channels)
        self.clip = clip
        self.stack = GatedStack(
            inputs=3 * self.stft.bins,
            outputs=2 * self.stft.bins,
            channels=channels,
            layers=layers,
            dilation_cycle=dilation_cycle,
            step_channels=step_channels,
        )
        self.context = self.stack.context

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Map `hop_length · frames` noisy samples of about unit variance and the noise time to the prediction."""
        spectrum = self.stft(x_t) / self.stft.noise_magnitude
        magnitudes = spectrum.abs().clamp_min(FLOOR).log()
        features = torch.cat([spectrum.real, spectrum.imag, magnitudes], dim=1)
        step = self.embedding(t)
        out = self.stack(features, step if self.clip is None else self.clip(step, cond))
        real, imaginary = out.float().chunk(2, dim=1)
        return self.stft.inverse(torch.complex(real, imaginary) * self.stft.noise_magnitude)
