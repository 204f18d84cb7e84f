"""The frame-rate network and its prior without complex numbers, so that every runtime can compute them."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch._higher_order_ops import while_loop

from audiodiff.conditioning import Conditioning
from audiodiff.export.transforms import ConvolutionStft, Folded
from audiodiff.networks import SpectralDiffWave
from audiodiff.priors import MelInversion
from audiodiff.types import Mel, Time, Wave

Turns = Float[Tensor, "frames bins"]
"""The phases from which Griffin-Lim starts, as fractions of a whole turn."""

TINY = 1e-30
"""Added to squared magnitudes, so that a bin of exact zeros has no phase instead of NaN."""


class RealSpectralDiffWave(nn.Module):
    """A `SpectralDiffWave` with the same parameters, on real and imaginary parts."""

    def __init__(self, network: SpectralDiffWave) -> None:
        super().__init__()
        self.stft = ConvolutionStft(network.stft)
        self.envelope, self.embedding, self.stack = network.envelope, network.embedding, network.stack

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Map `hop_length · frames` noisy samples, their noise time and the mel to the prediction."""
        mel = cond.need_mel()
        mean = torch.zeros_like(x_t) if cond.mean is None else cond.mean
        envelope = self.envelope(mel).repeat(1, 2, 1)
        spectra = [self.stft.usual(self.stft(wave)) / envelope for wave in (x_t, mean)]
        out = self.stack(torch.cat([*spectra, self.envelope.level(mel)], dim=1), self.embedding(t))
        spectrum = self.stft.folded(out * envelope)
        return self.stft.inverse(spectrum, self.stft.window_sum(spectrum))


class RealMelInversion(nn.Module):
    """A `MelInversion` with the same parameters, on real and imaginary parts, told the first phases."""

    def __init__(self, prior: MelInversion) -> None:
        super().__init__()
        self.stft = ConvolutionStft(prior.stft)
        self.magnitudes, self.envelope = prior.magnitudes, prior.envelope
        self.iterations, self.momentum = prior.iterations, 0.99
        self.gain = prior.noise_level / prior.stft.noise_magnitude

    def condition(self, mel: Mel, turns: Turns) -> Conditioning:
        """Invert the mel by fast Griffin-Lim (Perraudin et al. 2013, alg. 2), as `griffin_lim` does."""
        magnitudes = self.stft.spread(self.magnitudes(mel))
        angle = 2 * torch.pi * turns.mT.unsqueeze(0)
        spectrum = magnitudes * self.stft.folded(torch.cat([angle.cos(), angle.sin()], dim=1))
        norm = self.stft.window_sum(spectrum)
        wave = self.stft.inverse(spectrum, norm)
        previous = self.stft(wave)

        def unfinished(done: Tensor, wave: Wave, previous: Folded) -> Tensor:
            return done < self.iterations

        def improve(done: Tensor, wave: Wave, previous: Folded) -> tuple[Tensor, Wave, Folded]:
            consistent = self.stft(wave)
            step = consistent + self.momentum * (consistent - previous)
            phases = step * (self.stft.power(step) + TINY).rsqrt()
            return done + 1, self.stft.inverse(magnitudes * phases, norm), consistent

        _, wave, _ = while_loop(unfinished, improve, (torch.zeros((), dtype=torch.int64), wave, previous))
        return Conditioning(mel=mel, mean=wave)

    def decode(self, r: Wave, cond: Conditioning) -> Wave:
        """From a difference from the mean to the waveform."""
        return r + cond.need_mean()

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """Give white noise the spectral envelope of the mel, times the noise level."""
        spectrum = self.stft(white) * self.stft.spread(self.gain * self.envelope(cond.need_mel()))
        return self.stft.inverse(spectrum, self.stft.window_sum(spectrum))
