"""A prior that starts from the mel's own inversion."""

from typing import cast

import torch
from torch import Tensor, nn

from audiodiff.audio.stft import Stft
from audiodiff.conditioning import Conditioning
from audiodiff.mel.envelope import MelEnvelope
from audiodiff.mel.spec import MelSpec
from audiodiff.phase.mel_constraint import MelConstraint
from audiodiff.phase.running_griffin_lim import RunningGriffinLim
from audiodiff.priors.means import MagnitudeEstimator, MeanStream
from audiodiff.types import Mel, Samples, Wave


class MelInversion(nn.Module):
    """Mean: running Griffin-Lim of the mel. Scale: the mel's spectral envelope. The diffusion works on what is left.

    mean(mel) + noise_level·scale(mel)·eps is where sampling starts, so a few steps suffice and a mel that the
    network finds hard still gives speech. `magnitudes` maps a mel to linear magnitudes, as a
    `MagnitudeNetwork` does; Griffin-Lim improves them as it goes (`MelConstraint.revision`).
    (GLA-Grad, Liu et al. 2024, and SpecGrad, Koizumi et al. 2022, use the two halves of this idea.)
    """

    def __init__(self, *, mel: MelSpec, magnitudes: nn.Module, iterations: int = 32, noise_level: float = 0.5) -> None:
        super().__init__()
        self.magnitudes = magnitudes
        self.stft = Stft(mel)
        self.envelope = MelEnvelope(mel)
        self.constraint = MelConstraint(mel)
        self.iterations = iterations
        self.noise_level = noise_level

    @torch.no_grad()
    def condition(self, mel: Mel) -> Conditioning:
        """Invert the mels one by one: the same mel always gives the same mean, to the bit.

        Griffin-Lim magnifies rounding a thousandfold, and the rounding of a batch depends on its size.
        """
        return Conditioning(mel=mel, mean=torch.cat([self._mean(one) for one in mel.split(1)]))

    @property
    def radius(self) -> Samples:
        """Receptive radius of the shaped noise: a transform's and its inverse's."""
        return self.stft.radius

    def means(self) -> MeanStream:
        """The mean of one mel that comes in pieces."""
        griffin_lim = RunningGriffinLim(self.stft, self.constraint, self.iterations)
        return MeanStream(cast(MagnitudeEstimator, self.magnitudes), griffin_lim)

    def encode(self, x: Wave, cond: Conditioning) -> Wave:
        """From a waveform to its difference from the mean."""
        return x - cond.need_mean()

    def decode(self, r: Wave, cond: Conditioning) -> Wave:
        """The inverse of `encode`."""
        return r + cond.need_mean()

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """Give white noise the spectral envelope of the mel, times `noise_level`."""
        gain = self.noise_level / self.stft.noise_magnitude * self.envelope(cond.need_mel())
        return self.stft.inverse(self.stft(white) * gain)

    def _mean(self, mel: Mel) -> Wave:
        means = self.means()
        return torch.cat([means.feed(mel), means.flush()], dim=-1)
