"""A prior that is the mel itself: the diffusion draws a mel, its inversion makes the sound."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.mel.compression import MelCompression
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.spec import MelSpec
from audiodiff.phase.griffin_lim import griffin_lim
from audiodiff.priors.inversion import MelInversion
from audiodiff.types import Mel, Wave

FlatMels = Float[Tensor, "batch values"]


class MelLatent(MelInversion):
    """The diffusion works on mels of about zero mean and unit variance, as flat rows: one frame after the other.

    `shift` and `scale` of the mel convention should make them so. What the mel does not hold is not diffused but
    inverted: `decode` is the mean of `MelInversion`, and `encode(decode(r))` is only nearly r.
    """

    def __init__(self, *, mel: MelSpec, magnitudes: nn.Module, iterations: int = 32) -> None:
        super().__init__(mel=mel, magnitudes=magnitudes, iterations=iterations)
        self.n_mels, self.hop_length = mel.n_mels, mel.hop_length
        self.front_end = MelSpectrogram(mel)
        compression = MelCompression(mel)
        self.lowest = compression.store(torch.full((1, mel.n_mels, 1), compression.lowest)).amin().item()

    def encode(self, x: Wave, cond: Conditioning) -> FlatMels:
        """From waveforms of whole frames to the values of their mels."""
        return self.rows(self.front_end(x)[..., : x.shape[-1] // self.hop_length])

    def decode(self, r: FlatMels, cond: Conditioning) -> Wave:
        """The sound of the mels, by inversion."""
        return self.condition(self.mel(r)).need_mean()

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """From white noise to this prior's noise: here the same."""
        return white

    def rows(self, mel: Mel | Bool[Tensor, "batch n_mels frames"]) -> FlatMels | Bool[Tensor, "batch values"]:
        """Lay the frames of every mel, or of a mask over one, one after the other."""
        return mel.mT.flatten(1)

    def mel(self, r: FlatMels) -> Mel:
        """The mels of flat rows, with nothing below what counts as silence."""
        return r.unflatten(1, (-1, self.n_mels)).mT.clamp_min(self.lowest)

    def decode_near(self, r: FlatMels, wave: Wave) -> Wave:
        """The sound of the mels with phases that start from those of `wave`."""
        magnitudes = self.magnitudes(self.mel(r))
        return griffin_lim(magnitudes, torch.sgn(self.stft(wave)), self.stft, self.iterations)

    def attenuated(self, r: FlatMels, wave: Wave) -> Wave:
        """`wave` with every band made as quiet as the mels say, and nothing made louder: a Wiener filter's work."""
        ours, theirs = self.mel(r), self.front_end(wave)[..., : wave.shape[-1] // self.hop_length]
        gain = self.envelope(ours) / self.envelope(theirs)
        return self.stft.inverse(self.stft(wave) * gain.clamp(max=1))
