"""The network over frames and bins without complex numbers."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.conditioning import Conditioning
from audiodiff.export.transforms import ConvolutionStft
from audiodiff.networks import LocalSpectralNetwork
from audiodiff.networks.local_spectral import FAINT, LEAST_ENERGY, level
from audiodiff.types import Time, Wave

FrameRows = Float[Tensor, "batch frames _"]
Parts = tuple[FrameRows, FrameRows]
"""Real and imaginary parts."""


class RealLocalSpectralNetwork(nn.Module):
    """A `LocalSpectralNetwork` with the same parameters, on real and imaginary parts."""

    def __init__(self, network: LocalSpectralNetwork) -> None:
        super().__init__()
        self.stft = ConvolutionStft(network.stft)
        self.envelope, self.constraint = network.envelope, network.constraint
        self.embedding, self.stack, self.bins = network.embedding, network.stack, network.bins
        self.advance = nn.ParameterList(
            nn.Parameter(part.contiguous(), requires_grad=False)
            for part in (network.relative.advance.real, network.relative.advance.imag)
        )

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Map `hop_length · frames` noisy samples, their noise time, mel and mean to what the mean lacks."""
        mean, mel = cond.need_mean(), cond.need_mel()
        envelope, bands = self.envelope(mel).mT, self.constraint.bands(mel).mT
        start, now = self._rows(mean), self._rows(mean + x_t)
        kept = self._kept(now, bands)
        consistent = self._rows(self._wave(kept))
        phase, planes = self._planes(now, kept, consistent, start, envelope[..., : self.bins])
        gains = self.stack(planes, self.embedding(t)).unbind(3)
        low = slice(self.bins)
        terms = [consistent, now, start, scaled(phase, envelope[..., low])]
        products = [times((g[..., 0], g[..., 1]), cut(x, low)) for g, x in zip(gains, terms, strict=True)]
        found = tuple(
            torch.cat([part[..., low] + sum(p[i] for p in products), part[..., self.bins :]], dim=-1)
            for i, part in enumerate(consistent)
        )
        return self._wave(self._kept((found[0], found[1]), bands)) - mean

    def _kept(self, x: Parts, bands: Float[Tensor, "batch frames n_mels"]) -> Parts:
        """The phases of x with magnitudes that keep to the mel."""
        size = power(x).clamp_min(LEAST_ENERGY).sqrt()  # ONNX exporters drop `+ TINY`
        return scaled(x, self.constraint.by_frames(size, bands) / size)

    def _planes(
        self, now: Parts, kept: Parts, consistent: Parts, start: Parts, envelope: FrameRows
    ) -> tuple[Parts, Float[Tensor, "batch frames covered planes"]]:
        """The planes of `RelativePhases`."""
        low, inverse = slice(self.bins), 1 / envelope
        now, kept, consistent, start = (scaled(cut(x, low), inverse) for x in (now, kept, consistent, start))
        size = power(now).sqrt()
        phase = scaled(now, 1 / (size + FAINT))
        levels = [level(x) for x in (size, power(kept).sqrt(), power(consistent).sqrt())]
        now, consistent, start = (scaled(x, power(x).add(FAINT**2).pow(-0.25)) for x in (now, consistent, start))
        real, imaginary = self.advance
        neighbours = [
            times(shifted(now, (0, 0, 1, -1)), (real, imaginary)),
            times(shifted(now, (0, 0, -1, 1)), (real, -imaginary)),
            scaled(shifted(now, (1, -1)), -torch.ones_like(size)),
            scaled(shifted(now, (-1, 1)), -torch.ones_like(size)),
        ]
        back = (phase[0], -phase[1])
        turned = [part for x in (*neighbours, consistent, start) for part in times(x, back)]
        return phase, torch.stack([*turned, *levels, (envelope.log() + 2) / 3], dim=-1)

    def _rows(self, wave: Wave) -> Parts:
        real, imaginary = self.stft.usual(self.stft(wave)).mT.chunk(2, dim=2)
        return real, imaginary

    def _wave(self, x: Parts) -> Wave:
        spectrum = self.stft.folded(torch.cat(x, dim=2).mT)
        return self.stft.inverse(spectrum, self.stft.window_sum(torch.ones_like(spectrum[:1, :1])))


def power(x: Parts) -> FrameRows:
    """The squared magnitude."""
    return x[0].square() + x[1].square()


def scaled(x: Parts, gain: FrameRows) -> Parts:
    """x times a real number."""
    return x[0] * gain, x[1] * gain


def times(x: Parts, y: tuple[Tensor, Tensor]) -> Parts:
    """The complex product."""
    return x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]


def cut(x: Parts, part: slice) -> Parts:
    """Some of the bins."""
    return x[0][..., part], x[1][..., part]


def shifted(x: Parts, padding: tuple[int, ...]) -> Parts:
    """x with zeros moved in at one end, by negative padding out at the other."""
    return F.pad(x[0], padding), F.pad(x[1], padding)
