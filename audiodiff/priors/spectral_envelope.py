"""SpecGrad's prior, from the mel alone: noise with the mel's spectral envelope (Koizumi et al. 2022)."""

from torch import Tensor, nn

from audiodiff.audio.stft import Stft
from audiodiff.conditioning import Conditioning
from audiodiff.errors import ConfigError
from audiodiff.mel.envelope import MelEnvelope
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel, Samples, Wave


class SpectralEnvelope(nn.Module):
    """Noise around zero with the mel's own spectral envelope, times `level`; the diffusion works on the waveform.

    SpecGrad (https://arxiv.org/abs/2203.16749, section 3) filters white noise in the STFT domain with a
    minimum-phase envelope; here the envelope is `MelEnvelope` and has no phase. At `level` 1 signal and noise are
    equally loud in every band of every frame.
    """

    def __init__(self, *, mel: MelSpec, level: float = 1.0) -> None:
        super().__init__()
        if not level > 0:
            raise ConfigError(f"level {level}: expected how loud the noise is, relative to the mel, above 0")
        self.stft = Stft(mel)
        self.envelope = MelEnvelope(mel)
        self.level = level

    @property
    def radius(self) -> Samples:
        """Receptive radius of the shaped noise: a transform's and its inverse's."""
        return self.stft.radius

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
        """Give white noise the spectral envelope of the mel, times `level`."""
        gain = self.level / self.stft.noise_magnitude * self.envelope(cond.need_mel())
        return self.stft.inverse(self.stft(white) * gain)
