"""The mel, stretched to samples, as each block of a network wants to see it: some rows at a time."""

from jaxtyping import Float
from torch import Tensor

from audiodiff.errors import ConfigError
from audiodiff.networks.upsampling import BlockUpsamplers, MelUpsampler
from audiodiff.types import Samples

OneMel = Float[Tensor, "n_mels frames"]
Rows = Float[Tensor, "rows n_mels"]


class SharedMel:
    """One stretched mel for all blocks, made once."""

    def __init__(self, upsampler: MelUpsampler, mel: OneMel) -> None:
        self.stretched = upsampler(mel.unsqueeze(0))[0]

    def rows(self, block: int, start: Samples, end: Samples) -> Rows:
        """What the block sees of the samples from `start` to `end`."""
        return self.stretched[:, start:end].T


class MelPerBlock:
    """A mel stretched by each block's own upsampler for the samples asked for: the whole of all would be too much."""

    def __init__(self, upsamplers: BlockUpsamplers, mel: OneMel, hop_length: Samples, blocks: int) -> None:
        if blocks != len(upsamplers):
            raise ConfigError(f"{len(upsamplers)} upsamplers for a network of {blocks} blocks: give one for each")
        self.upsamplers, self.mel, self.hop_length = list(upsamplers), mel, hop_length
        self.spill = upsamplers.spill

    def rows(self, block: int, start: Samples, end: Samples) -> Rows:
        """What the block sees of the samples from `start` to `end`."""
        first = max(0, (start - self.spill) // self.hop_length)
        last = -(-(end + self.spill) // self.hop_length)
        stretched = self.upsamplers[block](self.mel[None, :, first:last])[0]
        begin = first * self.hop_length
        return stretched[:, start - begin : end - begin].T
