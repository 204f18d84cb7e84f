"""The prior of DDPM and DiffWave: white noise."""

from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.types import Mel, Wave


class Isotropic(nn.Module):
    """Standard normal noise around zero: the diffusion works on the waveform itself."""

    def condition(self, mel: Mel) -> Conditioning:
        """What the network is told: the mel."""
        return Conditioning(mel=mel)

    def encode(self, x: Wave, cond: Conditioning) -> Wave:
        """From a waveform to what the diffusion works on: here the same."""
        return x

    def decode(self, r: Wave, cond: Conditioning) -> Wave:
        """The inverse of `encode`."""
        return r

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """From white noise to this prior's noise: here the same."""
        return white
