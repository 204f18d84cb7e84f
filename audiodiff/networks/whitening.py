"""Waveforms on the scale of the mel's envelope, where every frequency and every moment is equally loud."""

from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.audio.stft import Stft
from audiodiff.mel.envelope import MelEnvelope
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel, Wave

Gains = Float[Tensor, "batch bins frames"]


class Whitening(nn.Module):
    """W(x) = iSTFT(STFT(x) / std), where std is what white noise is multiplied by to sound as the mel does.

    A network that works behind W and before its inverse errs everywhere by a share of what is there: silence and the
    top octaves are as large to it as vowels. `quietest` is the least std. (SpecGrad, Koizumi et al. 2022, section 3,
    has the same filter in its prior and in its loss, not around its network.)
    """

    def __init__(self, *, mel: MelSpec, quietest: float = 1e-4) -> None:
        super().__init__()
        self.stft = Stft(mel)
        self.envelope = MelEnvelope(mel)
        self.quietest = quietest

    def std(self, mel: Mel) -> Gains:
        """The standard deviation of every frequency and frame, in units of white noise of variance one."""
        return (self.envelope(mel) / self.stft.noise_magnitude).clamp_min(self.quietest)

    def white(self, x: Wave, std: Gains) -> Wave:
        """W(x), for waveforms [batch, hop_length · frames]."""
        return self.stft.inverse(self.stft(x) / std)

    def colored(self, x: Wave, std: Gains) -> Wave:
        """iSTFT(STFT(x) · std), the inverse of `white` but for what overlapping frames smear."""
        return self.stft.inverse(self.stft(x) * std)
