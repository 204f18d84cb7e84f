"""Gains over time that are finer than any frame: bursts begin where several overlapping mel frames say they do."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.audio.three_bands import CROSSOVERS, ThreeBands
from audiodiff.mel.fine import fine_spec
from audiodiff.mel.hertz import FineBands, HertzView, interpolation
from audiodiff.mel.spec import MelSpec
from audiodiff.networks.gated import GatedStack
from audiodiff.types import Mel, Samples, Wave

PER_FRAME = 8
"""Gains in a fine frame, about 0.7 ms apart."""
LARGEST_NEPERS = 3.0
"""In nepers, 26 dB up or down."""


class OnsetGains(nn.Module):
    """A waveform in three bands, each times gains that a small stack reads off the mel.

    Whatever is made of spectra of windows 24 or 46 ms long is spread over the window, also before a burst. Gains in
    time take that back, as temporal noise shaping does in audio coding (Herre & Johnston 1996); here nothing is sent,
    they are learnt. The bands add up to the waveform.
    """

    at_samples: Tensor

    def __init__(self, *, mel: MelSpec, channels: int, layers: int = 4, dilation_cycle: int = 4) -> None:
        super().__init__()
        self.bands, self.view = FineBands(mel), HertzView(mel)
        self.hop_length = fine_spec(mel).hop_length
        # of a frame's own gains and one of each neighbour, which lie in the middle of their share of the hop
        places = (torch.arange(-1, PER_FRAME + 1) + 0.5) * self.hop_length / PER_FRAME
        at_samples = interpolation(places, torch.arange(self.hop_length) + 0.5).mT.contiguous()
        self.register_buffer("at_samples", at_samples, persistent=False)
        self.parted = ThreeBands(mel.sample_rate)
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

    @property
    def reach(self) -> Samples:
        """Samples to either side that a sample of the result sees of the waveform."""
        return self.parted.reach

    def forward(self, wave: Wave, mel: Mel) -> Wave:
        """Scale [batch, hop_length · frames] samples."""
        return self.scaled(wave, self.gains(mel))

    def scaled(self, wave: Wave, gains: Float[Tensor, "batch bands samples"]) -> Wave:
        """Scale by gains that are known, of at least as many samples."""
        return (self.parted(wave) * gains[..., : wave.shape[-1]]).sum(dim=1)

    def gains(self, mel: Mel) -> Float[Tensor, "batch bands samples"]:
        """One gain for every band and sample of the mel's frames."""
        said = self.stack(self.view(self.bands(mel))).to(self.at_samples)
        said = said.unflatten(1, (-1, PER_FRAME)).mT
        nepers = LARGEST_NEPERS * torch.tanh(said / LARGEST_NEPERS)
        before = torch.cat([nepers[:, :, :1, :1], nepers[:, :, :-1, -1:]], dim=2)
        after = torch.cat([nepers[:, :, 1:, :1], nepers[:, :, -1:, -1:]], dim=2)
        return (torch.cat([before, nepers, after], dim=3) @ self.at_samples).flatten(2).exp()
