"""DiffWave and an inversion of the mel without complex numbers, so that every runtime can compute them."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.export.real_gains import RealKeepToMel
from audiodiff.export.running import LoopedGriffinLim
from audiodiff.export.transforms import ConvolutionStft
from audiodiff.networks import DiffWave, Whitening
from audiodiff.networks.whitening import Gains
from audiodiff.priors import MelInversion
from audiodiff.types import Mel, Time, Wave

Turns = Float[Tensor, "frames bins"]
"""The phases from which Griffin-Lim starts, as fractions of a whole turn."""


class RealDiffWave(nn.Module):
    """A `DiffWave` with the same parameters, its filters and its constraint on real and imaginary parts."""

    def __init__(self, network: DiffWave) -> None:
        super().__init__()
        self.network = network
        self.whitening = None if network.whitening is None else RealWhitening(network.whitening)
        self.constraint = None if network.constraint is None else RealKeepToMel(network.constraint)

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Map `hop_length · frames` noisy samples, their noise time and the mel to the prediction."""
        waves = [x_t, cond.need_mean()] if self.network.sees_mean else [x_t]
        if self.whitening is None:
            estimate = self.network.core(torch.stack(waves, dim=1), t, cond)
        else:
            std = self.whitening.std(cond.need_mel())
            white = torch.stack([self.whitening(wave, 1 / std) for wave in waves], dim=1)
            estimate = self.whitening(self.network.core(white, t, cond), std)
        if self.network.from_v is not None:
            estimate = self.network.from_v(estimate, x_t, t)
        if self.constraint is None:
            return estimate
        return self.constraint(estimate + cond.need_mean(), cond.need_mel()) - cond.need_mean()


class RealWhitening(nn.Module):
    """A `Whitening` on real and imaginary parts."""

    def __init__(self, whitening: Whitening) -> None:
        super().__init__()
        self.stft, self.std = ConvolutionStft(whitening.stft), whitening.std

    def forward(self, x: Wave, gains: Gains) -> Wave:
        """Multiply every bin by a gain."""
        spectrum = self.stft(x) * self.stft.spread(gains)
        return self.stft.inverse(spectrum, self.stft.window_sum(torch.ones_like(spectrum[:1, :1])))


class RealMelInversion(nn.Module):
    """A `MelInversion` with the same parameters, on real and imaginary parts, told the first phases."""

    def __init__(self, prior: MelInversion) -> None:
        super().__init__()
        self.stft = ConvolutionStft(prior.stft)
        self.magnitudes, self.envelope, self.constraint = prior.magnitudes, prior.envelope, prior.constraint
        self.griffin_lim = LoopedGriffinLim(prior, self.stft)
        self.gain = prior.noise_level / prior.stft.noise_magnitude

    def condition(self, mel: Mel, turns: Turns) -> Conditioning:
        """Invert the mels by running Griffin-Lim from these phases."""
        angle = 2 * torch.pi * turns.mT.unsqueeze(0)
        phases = self.stft.folded(torch.cat([angle.cos(), angle.sin()], dim=1))
        mean = self.griffin_lim(self.magnitudes(mel), self.constraint.bands(mel), phases)
        return Conditioning(mel=mel, mean=mean)

    def decode(self, r: Wave, cond: Conditioning) -> Wave:
        """From a difference from the mean to the waveform."""
        return r + cond.need_mean()

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """Give white noise the spectral envelope of the mel, times the noise level."""
        spectrum = self.stft(white) * self.stft.spread(self.gain * self.envelope(cond.need_mel()))
        return self.stft.inverse(spectrum, self.stft.window_sum(torch.ones_like(spectrum[:1, :1])))
