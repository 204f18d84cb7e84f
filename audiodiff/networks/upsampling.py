"""Mel frames stretched to waveform samples."""

from collections.abc import Iterator
from itertools import repeat
from math import isqrt

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.errors import ConfigError
from audiodiff.types import Mel, Samples

Stretched = Float[Tensor, "batch n_mels samples"]


def split_hop(hop_length: Samples) -> tuple[int, int]:
    """The two factors of a hop length that lie closest together: 256 = 16·16, 300 = 15·20, 257 = 1·257."""
    small = next(n for n in range(isqrt(hop_length), 0, -1) if hop_length % n == 0)
    return small, hop_length // small


class MelUpsampler(nn.Module):
    """DiffWave's two transposed 2-D convolutions over (bands, time), for any hop length.

    Each one stretches time by a factor s with a kernel of 3 bands by 2s samples (2s + 1 where s is odd) and
    a leaky ReLU of slope 0.4 (Kong et al. 2021, appendix C, where s is 16 both times). A frame is heard `radius`
    samples before and after its own.
    """

    def __init__(self, *, hop_length: Samples) -> None:
        super().__init__()
        first, second = split_hop(hop_length)
        self.conv1, self.conv2 = self._stretch(first), self._stretch(second)
        self.radius: Samples = (first + 1) // 2 * second + (second + 1) // 2

    @staticmethod
    def _stretch(factor: int) -> nn.ConvTranspose2d:
        padding = (factor + 1) // 2
        kernel = factor + 2 * padding
        return nn.ConvTranspose2d(1, 1, (3, kernel), stride=(1, factor), padding=(1, padding))

    def per_block(self, mel: Mel, blocks: int) -> Iterator[Stretched]:
        """The stretched mel for each block of a network: the same for all."""
        return repeat(self(mel), blocks)

    def forward(self, mel: Mel) -> Stretched:
        """The mel at the sample rate, `hop_length` samples for every frame."""
        x = mel.unsqueeze(1)
        x = F.leaky_relu(self.conv1(x), 0.4)
        return F.leaky_relu(self.conv2(x), 0.4).squeeze(1)


class BlockUpsamplers(nn.ModuleList):
    """One `MelUpsampler` for each of `layers` blocks, as in philsyn's DiffWave and BDDM's score network."""

    def __init__(self, *, hop_length: Samples, layers: int) -> None:
        upsamplers = [MelUpsampler(hop_length=hop_length) for _ in range(layers)]
        super().__init__(upsamplers)
        self.radius: Samples = upsamplers[0].radius

    def per_block(self, mel: Mel, blocks: int) -> Iterator[Stretched]:
        """The stretched mel for each block, made when its turn comes: all at once would not fit in memory."""
        if blocks != len(self):
            raise ConfigError(f"{len(self)} upsamplers for a network of {blocks} blocks: give one for each")
        return (upsampler(mel) for upsampler in self)
