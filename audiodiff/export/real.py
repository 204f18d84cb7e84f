"""DiffWave and its filters without complex numbers, so that every runtime can compute them."""

import torch
from torch import nn

from audiodiff.conditioning import Conditioning
from audiodiff.export.real_gains import RealKeepToMel
from audiodiff.export.transforms import ConvolutionStft
from audiodiff.networks import DiffWave, Whitening
from audiodiff.networks.whitening import Gains
from audiodiff.types import Time, Wave


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
