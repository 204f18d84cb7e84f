"""Linear magnitudes for a `MelInversion` prior that nobody has trained."""

from torch import nn

from audiodiff.audio.griffin_lim import Magnitudes
from audiodiff.audio.inversion import MelToLinear
from audiodiff.audio.mel import analysis_window
from audiodiff.audio.spec import MelSpec
from audiodiff.types import Mel


class NnlsMagnitudes(nn.Module):
    """Estimate STFT magnitudes by non-negative least squares; `MagnitudeNetwork` is the learnt alternative."""

    def __init__(self, *, mel: MelSpec, iterations: int = 20) -> None:
        super().__init__()
        self.inverse = MelToLinear(mel, iterations)
        self.window_sum = analysis_window(mel).sum().item()

    def forward(self, mel: Mel) -> Magnitudes:
        """Return magnitudes at the mel's own n_fft, hop and framing."""
        return self.inverse(mel) * self.window_sum
