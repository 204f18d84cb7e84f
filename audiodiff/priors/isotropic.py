"""The prior of DDPM and DiffWave: white noise."""

from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.errors import ConfigError
from audiodiff.types import Mel, Samples, Wave


class Isotropic(nn.Module):
    """Standard normal noise around zero: the diffusion works on the waveform itself, in units of `level`.

    With the standard deviation of clean audio as `level`, signal and noise have the same variance; DiffWave keeps 1.
    """

    def __init__(self, *, level: float = 1.0) -> None:
        super().__init__()
        if not level > 0:
            raise ConfigError(f"level {level}: expected the standard deviation of clean audio, above 0")
        self.level = level

    radius: Samples = 0
    """Receptive radius of the shaped noise."""

    def means(self) -> None:
        """There is no mean."""

    def condition(self, mel: Mel) -> Conditioning:
        """Condition of the network: the mel."""
        return Conditioning(mel=mel)

    def encode(self, x: Wave, cond: Conditioning) -> Wave:
        """From a waveform to what the diffusion works on: divided by `level`."""
        return x / self.level

    def decode(self, r: Wave, cond: Conditioning) -> Wave:
        """The inverse of `encode`."""
        return r * self.level

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """From white noise to this prior's noise: here the same."""
        return white
