"""A source-filter prior without complex numbers and without loops, its decisions in float64."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.conditioning import Conditioning
from audiodiff.errors import ConfigError
from audiodiff.export.transforms import ConvolutionStft
from audiodiff.networks import FilterNetwork, SourceNetwork
from audiodiff.networks.gated import GatedBlock, GatedStack
from audiodiff.networks.hertz_filter import HertzFilter
from audiodiff.networks.source import HertzSource
from audiodiff.priors import SourceFilter
from audiodiff.priors.any_mel import AnyMelSourceFilter
from audiodiff.source.pulses import HALF, PulseGenerator
from audiodiff.types import F0, Mel, Wave

_Rows = Float[Tensor, "batch frames channels"]


class ExactStack(nn.Module):
    """A `GatedStack` without steps as products of float64, which runtimes have where they have no such convolutions."""

    def __init__(self, stack: GatedStack) -> None:
        super().__init__()
        self.stack = stack
        self.blocks = [block for block in stack.blocks if isinstance(block, GatedBlock)]

    def forward(self, x: Float[Tensor, "batch inputs frames"]) -> Float[Tensor, "batch outputs frames"]:
        """Map features in float64."""
        h = pointwise(self.stack.input, x.mT)
        for block in self.blocks:
            gate, value = dilated(block.dilated, normalized(block.norm.norm, h)).chunk(2, dim=2)
            h = h + pointwise(block.output, gate.sigmoid() * value.tanh())
        return pointwise(self.stack.output, normalized(self.stack.norm.norm, h)).mT


def pointwise(convolution: nn.Conv1d, x: _Rows) -> _Rows:
    """A convolution over one frame."""
    assert convolution.bias is not None
    return x @ convolution.weight.squeeze(2).mT.double() + convolution.bias.double()


def dilated(convolution: nn.Conv1d, x: _Rows) -> _Rows:
    """A convolution with three taps."""
    assert convolution.bias is not None
    (dilation,) = convolution.dilation
    padded, n_frames = F.pad(x, (0, 0, dilation, dilation)), x.shape[1]
    taps = torch.cat([padded[:, k * dilation :][:, :n_frames] for k in range(3)], dim=2)
    return taps @ convolution.weight.permute(2, 1, 0).flatten(0, 1).double() + convolution.bias.double()


def normalized(norm: nn.LayerNorm, x: _Rows) -> _Rows:
    """Layer normalization, written out: runtimes have it in float32 only."""
    centred = x - x.mean(dim=2, keepdim=True)
    scale = (centred.square().mean(dim=2, keepdim=True) + norm.eps).rsqrt()
    return centred * scale * norm.weight.double() + norm.bias.double()


class WholePulses(nn.Module):
    """The pulses of a `PulseGenerator` for all frames at once, for a batch.

    Every sample is asked whether the phase has passed a whole number since the one before. Where it has, a pulse lies
    less than a sample earlier, and adds to `HALF` samples before it and nearly as many behind.
    """

    def __init__(self, generator: PulseGenerator) -> None:
        super().__init__()
        self.sample_rate, self.hop_length = generator.sample_rate, generator.hop_length
        self.centre = generator.centre

    def forward(self, f0: F0) -> Wave:
        """Pulses of the power of white noise."""
        step = self._at_samples(f0) / self.sample_rate
        phase = step.cumsum(dim=1)
        whole = phase.floor()
        passed = whole > (phase - step).floor()
        safe = torch.where(passed, step, 1.0)
        late = torch.where(passed, (phase - whole) / safe, 0.0)
        height = torch.where(passed, safe.rsqrt(), 0.0)
        return self._written(late, height).float()

    def _at_samples(self, f0: F0) -> Float[Tensor, "batch samples"]:
        n_frames = f0.shape[1]
        samples = torch.arange(n_frames * self.hop_length, dtype=torch.float64)
        place = (
            ((samples - self.centre) / self.hop_length).clamp_min(0).minimum(torch.ones_like(samples) * (n_frames - 1))
        )
        left = place.floor().long()
        right = (left + 1).clamp_max(n_frames - 1)
        weight = place - left
        a, b = f0.index_select(1, left), f0.index_select(1, right)
        log_a, log_b = a.clamp_min(1e-9).log(), b.clamp_min(1e-9).log()
        between = (log_a + weight * (log_b - log_a)).exp()
        return torch.where((a > 0) & (b > 0), between, torch.where(weight < 0.5, a, b))

    def _written(self, late: Float[Tensor, "batch samples"], height: Float[Tensor, "batch samples"]) -> Wave:
        """Windowed sincs that are so late, in samples, before their places."""
        sine = (math.pi * late).sin() / math.pi
        turn, n_samples = math.pi * late / HALF, late.shape[1]
        cosine, other = turn.cos(), turn.sin()
        wave = torch.zeros_like(late)
        for offset in range(-HALF, HALF):
            distance = offset + late
            away = distance.abs() > 1e-9
            sinc = torch.where(away, (-1) ** offset * sine / torch.where(away, distance, 1.0), 1.0)
            angle = math.pi * offset / HALF
            window = 0.5 + 0.5 * (cosine * math.cos(angle) - other * math.sin(angle))
            part = F.pad(height * sinc * window, (HALF, HALF))
            wave = wave + part[:, HALF - offset :][:, :n_samples]
        return wave


_GainParts = tuple[Tensor, Tensor]
"""Real and imaginary parts."""


class RealSourceFilter(nn.Module):
    """A `SourceFilter` with the same parameters, on real and imaginary parts."""

    def __init__(self, prior: SourceFilter) -> None:
        super().__init__()
        self.filter, self.source = self.parts_of(prior)
        self.spread, self.exact = prior.spread, ExactStack(self.source.stack)
        self.pulses = WholePulses(prior.generator())
        self.stft, self.fine = ConvolutionStft(prior.stft), ConvolutionStft(prior.fine)
        self.unit, self.fine_unit = prior.stft.noise_magnitude, prior.fine.noise_magnitude

    def parts_of(self, prior: SourceFilter) -> tuple[Any, SourceNetwork]:
        """The filter and the source; `ConfigError` for any but those that are known here."""
        if not isinstance(prior.source, SourceNetwork) or not isinstance(prior.filter, FilterNetwork):
            kinds = f"{type(prior.source).__name__} and {type(prior.filter).__name__}"
            raise ConfigError(f"only a SourceFilter of a SourceNetwork and a FilterNetwork is exported, got {kinds}")
        return prior.filter, prior.source

    def condition(self, mel: Mel) -> Conditioning:
        """Let pulses at the mel's f0 pass the filter."""
        f0 = self.source.decided(self.exact(self.source.view(self.heard(mel).double())))
        a, b = self.gains(mel, f0.float())
        real, imaginary = self.stft.usual(self.stft(self.pulses(f0))).chunk(2, dim=1)
        spectrum = self.stft.folded(torch.cat([real * a - imaginary * b, real * b + imaginary * a], dim=1))
        mean = self.stft.inverse(spectrum, self.stft.window_sum(torch.ones_like(spectrum[:1, :1])))
        return Conditioning(mel=mel, mean=mean, scale=self.spread(self.seen(mel)))

    def heard(self, mel: Mel) -> Tensor:
        """The input of the source network, rounded as its prior rounds it."""
        return mel

    def seen(self, mel: Mel) -> Tensor:
        """The input of the filter and of the spread."""
        return mel

    def gains(self, mel: Mel, f0: F0) -> _GainParts:
        """The filter, over that of white noise."""
        real, imaginary = self.filter.stack(self.filter.seen(mel, f0)).chunk(2, dim=1)
        envelope = self.filter.envelope(mel) / self.unit
        return real * envelope, imaginary * envelope

    def decode(self, r: Wave, cond: Conditioning) -> Wave:
        """From a difference from the mean to the waveform."""
        return r + cond.need_mean()

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """Give white noise the spread of recordings."""
        spectrum = self.fine(white) * self.fine.spread(cond.need_scale() / self.fine_unit)
        return self.fine.inverse(spectrum, self.fine.window_sum(torch.ones_like(spectrum[:1, :1])))


class RealAnyMelSourceFilter(RealSourceFilter):
    """An `AnyMelSourceFilter` with the same parameters, for the one convention that it was built for."""

    def __init__(self, prior: AnyMelSourceFilter) -> None:
        super().__init__(prior)
        self.bands = prior.bands

    def parts_of(self, prior: SourceFilter) -> tuple[Any, SourceNetwork]:
        """The filter and the source; `ConfigError` for any but those that are known here."""
        if not isinstance(prior.source, HertzSource) or not isinstance(prior.filter, HertzFilter):
            kinds = f"{type(prior.source).__name__} and {type(prior.filter).__name__}"
            raise ConfigError(f"only an AnyMelSourceFilter of HertzSource and HertzFilter is exported, got {kinds}")
        return prior.filter, prior.source

    def heard(self, mel: Mel) -> Tensor:
        """The bands at fine frames, computed in float64."""
        return self.bands(mel.double()).to(mel.dtype)

    def seen(self, mel: Mel) -> Tensor:
        """The bands at fine frames."""
        return self.bands(mel)

    def gains(self, mel: Mel, f0: F0) -> _GainParts:
        """The filter at the fine STFT's bins."""
        bands = self.seen(mel)
        said = self.filter.stack(self.filter.seen(bands, f0)).chunk(2, dim=1)
        envelope = self.filter.bands.envelope(bands) / self.unit
        real, imaginary = (envelope * (self.filter.at_bins @ part) for part in said)
        return real, imaginary
