"""Linear magnitudes for a `MelInversion` prior that nobody has trained."""

from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.mel.front_end import analysis_window
from audiodiff.mel.nnls import MelToLinear
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Magnitudes, Mel


class NnlsMagnitudes(nn.Module):
    """Estimate STFT magnitudes by non-negative least squares; `MagnitudeNetwork` is the learnt alternative."""

    def __init__(self, *, mel: MelSpec, iterations: int = 20) -> None:
        super().__init__()
        self.inverse = MelToLinear(mel, iterations)
        self.frame_radius = 0
        self.window_sum = analysis_window(mel).sum().item()

    def forward(self, mel: Mel) -> Magnitudes:
        """Return magnitudes at the mel's own n_fft, hop and framing."""
        return self.inverse(mel) * self.window_sum

    def blockwise(self) -> "BlockwiseNnls":
        """The same for a mel that comes block by block."""
        return BlockwiseNnls(self)


class BlockwiseNnls:
    """A `NnlsMagnitudes` that is fed block by block; it remembers nothing."""

    def __init__(self, magnitudes: NnlsMagnitudes) -> None:
        self.magnitudes = magnitudes

    def feed(self, mel: Mel, *, last: bool) -> Float[Tensor, "frames bins"]:
        """Take the next frames of one mel, return their magnitudes [frames, bins]."""
        return self.magnitudes(mel)[0].mT
