"""Gains over time that are finer than any frame: bursts begin where several overlapping mel frames say they do."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.mel.fine import fine_spec
from audiodiff.mel.hertz import FineBands, HertzView, interpolation
from audiodiff.mel.spec import MelSpec
from audiodiff.networks.gated import GatedStack
from audiodiff.types import Hertz, Mel, Samples, Seconds, Wave

PER_FRAME = 8
"""Gains in a fine frame, about 0.7 ms apart."""
LARGEST_NEPERS = 3.0
"""In nepers, 26 dB up or down."""
CROSSOVERS: tuple[Hertz, ...] = (1000.0, 3000.0)
"""Between the bands that have gains of their own: a voice may go on below a burst."""
TAPS: Seconds = 0.003
"""Length of the filters that part the bands."""
SAMPLES_TOGETHER = 64
"""Samples that one product filters at once: a convolution of single samples takes 180 times as long on a CPU."""


class OnsetGains(nn.Module):
    """A waveform in three bands, each times gains that a small stack reads off the mel.

    Whatever is made of spectra of windows 24 or 46 ms long is spread over the window, also before a burst. Gains in
    time take that back, as temporal noise shaping does in audio coding (Herre & Johnston 1996); here nothing is sent,
    they are learnt. The bands add up to the waveform.
    """

    at_samples: Tensor
    reach: Samples
    """Samples to either side that a sample of the result sees of the waveform."""
    low_passes: Float[Tensor, "outputs 1 inputs"]

    def __init__(self, *, mel: MelSpec, channels: int, layers: int = 4, dilation_cycle: int = 4) -> None:
        super().__init__()
        self.bands, self.view = FineBands(mel), HertzView(mel)
        self.hop_length = fine_spec(mel).hop_length
        # of a frame's own gains and one of each neighbour, which lie in the middle of their share of the hop
        places = (torch.arange(-1, PER_FRAME + 1) + 0.5) * self.hop_length / PER_FRAME
        at_samples = interpolation(places, torch.arange(self.hop_length) + 0.5).mT.contiguous()
        self.register_buffer("at_samples", at_samples, persistent=False)
        low_passes = _low_passes(mel.sample_rate)
        self.reach = low_passes.shape[-1] // 2
        self.register_buffer("low_passes", _sliding(low_passes), persistent=False)
        self.stack = GatedStack(
            inputs=HertzView.planes,
            outputs=PER_FRAME * (len(CROSSOVERS) + 1),
            channels=channels,
            layers=layers,
            dilation_cycle=dilation_cycle,
        )

    @property
    def radius(self) -> Samples:
        """Receptive radius over the mel, at most: the stack's, a frame to interpolate gains, and its fine bands'."""
        return (self.stack.frame_radius + 2) * self.hop_length + max(0, self.bands.fine.radius)

    def forward(self, wave: Wave, mel: Mel) -> Wave:
        """Scale [batch, hop_length · frames] samples."""
        return (self.parted(wave) * self.gains(mel)[..., : wave.shape[-1]]).sum(dim=1)

    def parted(self, wave: Wave) -> Float[Tensor, "batch bands samples"]:
        """The waveform below, between and above the crossovers."""
        samples = wave.shape[-1]
        padded = F.pad(wave, (self.reach, self.reach + -samples % SAMPLES_TOGETHER)).unsqueeze(1)
        low = F.conv1d(padded, self.low_passes.to(wave), stride=SAMPLES_TOGETHER)
        low = low.unflatten(1, (len(CROSSOVERS), SAMPLES_TOGETHER)).mT.flatten(2)[..., :samples]
        return torch.cat([low[:, :1], low.diff(dim=1), wave.unsqueeze(1) - low[:, -1:]], dim=1)

    def gains(self, mel: Mel) -> Float[Tensor, "batch bands samples"]:
        """One gain for every band and sample of the mel's frames."""
        said = self.stack(self.view(self.bands(mel))).to(self.at_samples)
        said = said.unflatten(1, (-1, PER_FRAME)).mT
        nepers = LARGEST_NEPERS * torch.tanh(said / LARGEST_NEPERS)
        before = torch.cat([nepers[:, :, :1, :1], nepers[:, :, :-1, -1:]], dim=2)
        after = torch.cat([nepers[:, :, 1:, :1], nepers[:, :, -1:, -1:]], dim=2)
        return (torch.cat([before, nepers, after], dim=3) @ self.at_samples).flatten(2).exp()


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
