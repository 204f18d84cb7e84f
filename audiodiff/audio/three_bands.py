"""A waveform below, between and above two frequencies, by short filters whose outputs add up to it."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.types import Hertz, Samples, Seconds, Wave

CROSSOVERS = 1000.0, 3000.0
"""In hertz; between the bands: a voice may go on below a burst."""
TAPS: Seconds = 0.003
"""Length of the filters."""
SAMPLES_TOGETHER = 64
"""Samples that one product filters at once: a convolution of single samples takes 180 times as long on a CPU."""


class ThreeBands(nn.Module):
    """Part waveforms of one sample rate by linear-phase low-passes; what is short in time stays so within 3 ms."""

    low_passes: Float[Tensor, "outputs 1 inputs"]
    reach: Samples
    """Samples to either side that a sample of the result sees."""

    def __init__(self, sample_rate: Hertz) -> None:
        super().__init__()
        low_passes = _low_passes(sample_rate)
        self.reach = low_passes.shape[-1] // 2
        self.register_buffer("low_passes", _sliding(low_passes), persistent=False)

    def forward(self, wave: Wave) -> Float[Tensor, "batch bands samples"]:
        """Split [batch, samples]."""
        samples = wave.shape[-1]
        padded = F.pad(wave, (self.reach, self.reach + -samples % SAMPLES_TOGETHER)).unsqueeze(1)
        low = F.conv1d(padded, self.low_passes.to(wave), stride=SAMPLES_TOGETHER)
        low = low.unflatten(1, (len(CROSSOVERS), SAMPLES_TOGETHER)).mT.flatten(2)[..., :samples]
        return torch.cat([low[:, :1], low.diff(dim=1), wave.unsqueeze(1) - low[:, -1:]], dim=1)


def _low_passes(rate: Hertz) -> Float[Tensor, "crossovers taps"]:
    """Linear-phase low-pass filters, Hann-windowed, of gain 1 at 0 Hz."""
    half = math.ceil(TAPS * rate / 2)
    places = torch.arange(-half, half + 1, dtype=torch.float64)
    edges = 2 * torch.tensor(CROSSOVERS, dtype=torch.float64).unsqueeze(1) / rate
    taps = torch.sinc(edges * places) * torch.hann_window(2 * half + 3, periodic=False, dtype=torch.float64)[1:-1]
    return (taps / taps.sum(dim=1, keepdim=True)).float()


def _sliding(filters: Float[Tensor, "filters taps"]) -> Float[Tensor, "outputs 1 inputs"]:
    """Every filter at `SAMPLES_TOGETHER` neighbouring samples, as one matrix."""
    count, taps = filters.shape
    matrix = torch.zeros(count, SAMPLES_TOGETHER, SAMPLES_TOGETHER + taps - 1)
    for place in range(SAMPLES_TOGETHER):
        matrix[:, place, place : place + taps] = filters
    return matrix.flatten(0, 1).unsqueeze(1)
