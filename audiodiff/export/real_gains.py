"""The network of gains over the frames and bins of a short STFT without complex numbers."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.conditioning import Conditioning
from audiodiff.export.complex_parts import FrameRows, Parts, power, scaled, shifted, times
from audiodiff.export.transforms import ConvolutionStft
from audiodiff.networks import SpectralGainNetwork
from audiodiff.networks.keep_to_mel import LEAST_POWER, KeepToMel, in_turns, sharpened
from audiodiff.networks.spectral_gains import FAINT_MAGNITUDE, level
from audiodiff.phase.low_band import Hops, LowBand, SpectralParts
from audiodiff.types import Mel, Time, Wave


class RealSpectralGainNetwork(nn.Module):
    """A `SpectralGainNetwork` with the same parameters, on real and imaginary parts."""

    def __init__(self, network: SpectralGainNetwork) -> None:
        super().__init__()
        self.network, self.stft = network, ConvolutionStft(network.stft)
        self.envelope, self.embedding = network.envelope, network.embedding
        self.constraint = None if network.constraint is None else RealKeepToMel(network.constraint)
        self.place = network.relative.place
        self.advance = nn.ParameterList(
            nn.Parameter(part.contiguous(), requires_grad=False)
            for part in (network.relative.advance.real, network.relative.advance.imag)
        )

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Map `hop_length · frames` noisy samples, their noise time, mel, mean and scale to what the mean lacks."""
        mean, residual = rows_of(cond.need_mean(), self.stft), rows_of(x_t, self.stft)
        envelope, scale = self.envelope(cond.need_mel()).mT, cond.need_scale().mT
        now = mean[0] + residual[0], mean[1] + residual[1]
        phase, planes = self._planes(now, mean, envelope, scale)
        bins = planes.shape[2]
        planes = F.pad(planes, (0, 0, 0, -bins % self.network.together))
        gains = self.network.said(planes, self.embedding(t))[:, :, :bins].unbind(3)
        kept = ((1 - t) / ((1 - t) ** 2 + t**2)).view(-1, 1, 1)
        terms = [residual, mean, scaled(phase, scale)]
        found = [times((g[..., 0], g[..., 1]), x) for g, x in zip(gains, terms, strict=True)]
        found.append(scaled(residual, kept))
        parts = [torch.stack([x[i] for x in found]).sum(dim=0) for i in range(2)]
        estimate = wave_of((parts[0], parts[1]), self.stft)
        if self.constraint is None:
            return estimate
        return self.constraint(estimate + cond.need_mean(), cond.need_mel()) - cond.need_mean()

    def _planes(
        self, now: Parts, mean: Parts, envelope: FrameRows, scale: FrameRows
    ) -> tuple[Parts, Float[Tensor, "batch frames bins planes"]]:
        """The planes of `RelativePlanes`."""
        spread = (scale / envelope + FAINT_MAGNITUDE).log() / 3
        now, mean = scaled(now, 1 / envelope), scaled(mean, 1 / envelope)
        size = power(now).sqrt()
        phase = scaled(now, 1 / (size + FAINT_MAGNITUDE))
        levels = [level(size), level(power(mean).sqrt()), (envelope.log() + 2) / 3, spread]
        now, mean = (scaled(x, power(x).add(FAINT_MAGNITUDE**2).pow(-0.25)) for x in (now, mean))
        real, imaginary = self.advance
        neighbours = [
            times(shifted(now, (0, 0, 1, -1)), (real, imaginary)),
            times(shifted(now, (0, 0, -1, 1)), (real, -imaginary)),
            scaled(shifted(now, (1, -1)), -torch.ones_like(size)),
            scaled(shifted(now, (-1, 1)), -torch.ones_like(size)),
        ]
        back = (phase[0], -phase[1])
        turned = [part for x in (*neighbours, mean) for part in times(x, back)]
        place = self.place.expand(*envelope.shape[:2], -1, -1)
        return phase, torch.cat([torch.stack([*turned, *levels], dim=-1), place], dim=-1)


class RealKeepToMel(nn.Module):
    """A `KeepToMel` on real and imaginary parts."""

    def __init__(self, keep: KeepToMel) -> None:
        super().__init__()
        self.stft, self.constraint = ConvolutionStft(keep.stft), keep.constraint
        self.onsets, self.turns = keep.onsets, keep.turns
        self.low = None if keep.low is None else ConvolvedLowBand(keep)
        self.postfilter = keep.postfilter

    def forward(self, wave: Wave, mel: Mel) -> Wave:
        """Scale [batch, hop_length · frames] samples."""
        mel = sharpened(mel, self.postfilter)
        wave = in_turns(self.scaled, self.turns, wave, mel)
        return wave if self.low is None else self.low(wave, self.constraint.bands(mel).mT)

    def scaled(self, wave: Wave, mel: Mel) -> Wave:
        """Scale magnitudes alone, once."""
        spectrum = rows_of(wave, self.stft)
        magnitudes = power(spectrum).clamp_min(LEAST_POWER).sqrt()
        wanted = self.constraint.by_frames(magnitudes, self.constraint.bands(mel).mT)
        return wave_of(scaled(spectrum, wanted / magnitudes), self.stft)


class ConvolvedLowBand(LowBand):
    """The `LowBand` of a finish with convolutions for transforms: slower, but two nodes of a graph in place of ten."""

    forward_kernels: Tensor
    inverse_kernels: Tensor

    def __init__(self, keep: KeepToMel) -> None:
        assert keep.low is not None
        super().__init__(keep.low.mel, keep.stft, keep.constraint, keep.low.iterations, keep.low.share)
        forward = self.transform.unflatten(0, (self.segments, self.hop)).permute(2, 1, 0)
        inverse = self.inverse.unflatten(1, (self.segments, self.hop)).permute(0, 2, 1)
        self.register_buffer("forward_kernels", forward.contiguous(), persistent=False)
        self.register_buffer("inverse_kernels", inverse.contiguous(), persistent=False)

    def transformed(self, wave: Hops) -> SpectralParts:
        """The real and the imaginary parts of all frames."""
        return F.conv1d(wave.mT, self.forward_kernels).mT

    def inverted(self, spectrum: SpectralParts) -> Hops:
        """The sum of the overlapping frames."""
        return F.conv_transpose1d(spectrum.mT, self.inverse_kernels).mT


def rows_of(wave: Wave, stft: ConvolutionStft) -> Parts:
    """The spectrum, its parts [batch, frames, bins]."""
    real, imaginary = stft.usual(stft(wave)).mT.chunk(2, dim=2)
    return real, imaginary


def wave_of(x: Parts, stft: ConvolutionStft) -> Wave:
    """The waveform of a spectrum."""
    spectrum = stft.folded(torch.cat(x, dim=2).mT)
    return stft.inverse(spectrum, stft.window_sum(torch.ones_like(spectrum[:1, :1])))
