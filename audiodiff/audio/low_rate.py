"""Waveforms at a lower sample rate, and back, for what works below a frequency alone."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.types import Hertz, Samples, Wave

ATTENUATION = 70.0
"""Of what lies above the lower rate's own limit, in dB."""
ROOM = 2.4
"""Of the lower rate, at least, as a multiple of the frequency that it keeps."""

LowWave = Float[Tensor, "batch low_samples"]


class LowRate(nn.Module):
    """Waveforms of whole hops at a `factor` of their rate that divides the hop, by a linear-phase low-pass.

    `up` is the transpose of `down`, so that both have the same delay of none. What they keep untouched ends at
    `highest`; the rate is the lowest that is `ROOM` times as high.
    """

    low_pass: Float[Tensor, "outputs 1 inputs"]

    def __init__(self, sample_rate: Hertz, hop_length: Samples, highest: float) -> None:
        super().__init__()
        factors = [d for d in range(1, hop_length + 1) if hop_length % d == 0 and sample_rate / d >= ROOM * highest]
        self.factor = max(factors, default=1)
        self.hop_length, self.low_hop = hop_length, hop_length // self.factor
        taps = _low_pass(sample_rate, highest, sample_rate / self.factor / 2)
        self.reach: Samples = len(taps) // 2
        matrix = torch.zeros(self.low_hop, hop_length + 2 * self.reach)  # all outputs of a hop as one product
        for place in range(self.low_hop):
            matrix[place, place * self.factor :][: len(taps)] = taps
        self.register_buffer("low_pass", matrix.unsqueeze(1), persistent=False)

    def down(self, wave: Wave) -> LowWave:
        """From [batch, hop_length · frames] samples to [batch, low_hop · frames]."""
        padded = F.pad(wave, (self.reach, self.reach)).unsqueeze(1)
        return F.conv1d(padded, self.low_pass, stride=self.hop_length).mT.flatten(1)

    def up(self, low: LowWave) -> Wave:
        """From [batch, low_hop · frames] samples to [batch, hop_length · frames]."""
        hops = low.unflatten(1, (-1, self.low_hop)).mT * self.factor
        spread = F.conv_transpose1d(hops, self.low_pass, stride=self.hop_length).squeeze(1)
        return spread[:, self.reach : spread.shape[1] - self.reach]


def _low_pass(rate: Hertz, passed: float, stopped: float) -> Float[Tensor, " taps"]:
    """A Kaiser-windowed sinc (Kaiser 1974) that passes one frequency and stops the other, of gain 1 at 0 Hz."""
    width = 2 * math.pi * (stopped - passed) / rate
    half = math.ceil((ATTENUATION - 8) / (2.285 * width) / 2)
    window = torch.kaiser_window(2 * half + 1, periodic=False, beta=0.1102 * (ATTENUATION - 8.7), dtype=torch.float64)
    places = torch.arange(-half, half + 1, dtype=torch.float64)
    taps = torch.sinc((passed + stopped) / rate * places) * window
    return (taps / taps.sum()).float()
