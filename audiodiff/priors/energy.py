"""PriorGrad's prior: noise as loud as the mel says (Lee et al. 2022, https://arxiv.org/abs/2106.06406)."""

from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.errors import ConfigError
from audiodiff.mel.compression import MelCompression
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel, Samples, Wave


class MelEnergy(nn.Module):
    """Noise around zero whose standard deviation follows the energy of the mel, frame by frame.

    energy = sqrt(sum over bands of the linear mel); std = (energy - `lowest`) / (`highest` - `lowest`), held
    between `smallest` and `largest` (Lee et al. 2022, section 4.1). The diffusion works on the waveform itself.
    """

    def __init__(
        self, *, mel: MelSpec, lowest: float, highest: float, smallest: float = 0.1, largest: float | None = 1.0
    ) -> None:
        super().__init__()
        if not (lowest < highest and smallest > 0):
            raise ConfigError(
                f"lowest {lowest}, highest {highest}, smallest {smallest}: expected the energies of the corpus that "
                "become 0 and 1, the lower one first, and a smallest standard deviation above 0"
            )
        self.spec = mel
        self.lowest, self.highest = lowest, highest
        self.smallest, self.largest = smallest, largest
        self.compression = MelCompression(mel)

    radius: Samples = 0
    """Receptive radius of the shaped noise."""

    def means(self) -> None:
        """There is no mean."""

    def condition(self, mel: Mel) -> Conditioning:
        """Condition of the network: the mel."""
        return Conditioning(mel=mel)

    def encode(self, x: Wave, cond: Conditioning) -> Wave:
        """From a waveform to what the diffusion works on: here the same."""
        return x

    def decode(self, r: Wave, cond: Conditioning) -> Wave:
        """The inverse of `encode`."""
        return r

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """Make white noise as loud as the mel is."""
        return white * self.std(cond.need_mel()).repeat_interleave(self.spec.hop_length, dim=-1)

    def whiten(self, r: Tensor, cond: Conditioning) -> Tensor:
        """In units of the noise's standard deviation, Sigma^(-1/2) r: the inverse of `shape`."""
        return r / self.std(cond.need_mel()).repeat_interleave(self.spec.hop_length, dim=-1)

    def std(self, mel: Mel) -> Float[Tensor, "batch frames"]:
        """The standard deviation of the noise in every frame."""
        energy = self.compression.log_bands(mel).exp().sum(dim=-2).sqrt()
        return ((energy - self.lowest) / (self.highest - self.lowest)).clamp(self.smallest, self.largest)
