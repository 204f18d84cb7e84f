"""A denoiser over short-time spectra: complex gains, from each bin's neighbours in time and frequency."""

import math
from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.conditioning import Conditioning
from audiodiff.mel.fine import FineEnvelope, fine_spec, fine_stft
from audiodiff.mel.spec import MelSpec
from audiodiff.networks.embeddings import StepEmbedding
from audiodiff.networks.frame_blocks import in_blocks
from audiodiff.networks.keep_to_mel import LEAST_POWER, KeepToMel
from audiodiff.phase.griffin_lim import energy
from audiodiff.types import Samples, Time, Wave

_Rows = Float[Tensor, "batch frames bins"]
_ComplexRows = Complex[Tensor, "batch frames bins"]
_Planes = Float[Tensor, "batch frames filled planes"]
"""Bins of zeros may follow those of the spectrum."""
_Steps = Float[Tensor, "batch step_channels"]
_Gains = Float[Tensor, "batch frames filled gains 2"]

FAINT_MAGNITUDE = 1e-3
"""Magnitude, relative to the envelope, under which a bin has no phase to speak of."""
_GAINS = 3
"""On the noisy residual, on the mean, and on the present phases alone, at the level of the prior's scale."""
_OCTAVES = 4
"""Pairs of sinusoids over the frequency axis that tell the convolutions where they are."""


class SpectralGainNetwork(nn.Module):
    """Convolutions over the frames and bins of a short STFT that say gains on the noisy residual and on the mean.

    They see magnitudes, and complex values only relative to the phase of mean + x_t in their own bin; what they say
    turns with it. So a rotation of all phases rotates the output, and no phase has to be learnt as such. At time t the
    residual of a Gaussian would be c(t)·x_t with c = alpha / (alpha² + sigma²) on the straight path: gains start there.
    `together` neighbouring bins share a place of the convolutions, which as many channels more make up for. With
    `constrained` every estimate's magnitudes on the mel's own STFT are scaled until their mel is the given one.
    """

    def __init__(
        self,
        *,
        mel: MelSpec,
        channels: int = 48,
        layers: int = 5,
        together: int = 2,
        constrained: bool = False,
        n_steps: int = 1000,
        step_channels: int = 64,
    ) -> None:
        super().__init__()
        self.stft = fine_stft(mel)
        self.parts = mel.hop_length // self.stft.hop_length
        self.envelope = FineEnvelope(mel)
        self.together = together
        self.constraint = KeepToMel(mel=mel) if constrained else None
        self.relative = RelativePlanes(fine_spec(mel), together)
        self.embedding = StepEmbedding(n_steps=n_steps, channels=step_channels)
        self.input = nn.Conv2d(together * self.relative.planes, channels, 3, padding=1)
        self.step = nn.Linear(step_channels, channels)
        self.layers = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(layers))
        self.output = nn.Conv2d(channels, together * _GAINS * 2, 1)
        for parameter in self.output.parameters():
            nn.init.zeros_(parameter)

    @property
    def frame_radius(self) -> int:
        """Frames of the short STFT to either side that a frame's gains see."""
        return 2 + len(self.layers)

    @property
    def radius(self) -> Samples:
        """Receptive radius: that of the convolutions, which see neighbouring frames, between two transforms.

        The mel is seen further where its frames are much further apart.
        """
        inner = self.frame_radius * self.stft.hop_length
        spectral = inner + max(self.stft.radius, self.stft.n_fft // 2 - 1 + self.envelope.radius)
        if self.constraint is None:
            return spectral
        return spectral + self.constraint.radius_behind(self.stft)

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Map `hop_length · frames` noisy samples, their noise time, mel, mean and scale to what the mean lacks."""
        return self.call_core(self.found, x_t, t, cond)

    def call_core(self, found: Callable[..., _ComplexRows], x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Do what `forward` does with a function in the place of `self.found`."""
        mean, residual = self.stft(cond.need_mean()).mT, self.stft(x_t).mT
        envelope, scale = self.envelope(cond.need_mel()).mT, cond.need_scale().mT
        kept = ((1 - t) / ((1 - t) ** 2 + t**2)).to(scale).view(-1, 1, 1)
        told = partial(found, self.embedding(t), kept)
        estimate = self.stft.inverse(in_blocks(told, (mean, residual, envelope, scale), reach=self.frame_radius).mT)
        if self.constraint is None:
            return estimate
        return self.constraint(estimate + cond.need_mean(), cond.need_mel()) - cond.need_mean()

    def found(
        self,
        step: _Steps,
        kept: Float[Tensor, "batch 1 1"],
        mean: _ComplexRows,
        residual: _ComplexRows,
        envelope: _Rows,
        scale: _Rows,
    ) -> _ComplexRows:
        """The spectrum that the gains say; `kept` is c(t)."""
        phase, planes = self.relative(mean + residual, mean, envelope, scale)
        gains = torch.view_as_complex(self.said(planes, step)[:, :, : phase.shape[2]].contiguous())
        return (kept + gains[..., 0]) * residual + gains[..., 1] * mean + gains[..., 2] * phase * scale

    def said(self, planes: _Planes, step: _Steps) -> _Gains:
        """Real and imaginary parts of all gains, for planes of a multiple of `together` bins."""
        h = self.input(planes.unflatten(2, (-1, self.together)).flatten(3).permute(0, 3, 1, 2))
        h += self.step(step)[..., None, None]
        for layer in self.layers:
            h += layer(F.relu(h))  # in place: fresh memory costs as much as the sum
        said = self.output(F.relu(h)).permute(0, 2, 3, 1).unflatten(3, (self.together, _GAINS, 2))
        return said.flatten(2, 3).float()


class RelativePlanes(nn.Module):
    """Input of the convolutions: nothing that changes when all phases of the spectra turn by the same angle.

    A sinusoid in the middle of bin k turns by 2 pi k hop / n_fft from frame to frame, and by pi from bin to bin because
    a frame's phase counts from its start; with that undone it looks alike in all bins and frames. Bins of zeros follow
    up to a multiple of `together`.
    """

    advance: Tensor
    place: Tensor
    planes = 10 + 4 + 2 * _OCTAVES

    def __init__(self, fine: MelSpec, together: int = 1) -> None:
        super().__init__()
        self.together = together
        bins = fine.n_fft // 2 + 1
        angle = 2 * torch.pi * torch.arange(bins) * fine.hop_length / fine.n_fft
        self.register_buffer("advance", torch.polar(torch.ones_like(angle), angle), persistent=False)
        hertz = torch.arange(bins) * fine.sample_rate / fine.n_fft
        mel = torch.log1p(hertz / 700) / math.log1p(24000 / 700)
        turns = math.pi * mel.unsqueeze(1) * 2.0 ** torch.arange(_OCTAVES)
        self.register_buffer("place", torch.cat([turns.sin(), turns.cos()], dim=1), persistent=False)

    def forward(
        self, now: _ComplexRows, mean: _ComplexRows, envelope: _Rows, scale: _Rows
    ) -> tuple[_ComplexRows, _Planes]:
        """The phases of `now`, and the planes."""
        spread = (scale / envelope + FAINT_MAGNITUDE).log() / 3
        now, mean = now / envelope, mean / envelope
        size = energy(now).clamp_min(LEAST_POWER).sqrt()  # whose gradient at 0 would be infinite
        phase = now / (size + FAINT_MAGNITUDE)
        levels = torch.stack([level(size), level(energy(mean).sqrt()), (envelope.log() + 2) / 3, spread], dim=-1)
        now, mean = _compressed(now), _compressed(mean)
        earlier = F.pad(now, (0, 0, 1, 0))[:, :-1] * self.advance
        later = F.pad(now, (0, 0, 0, 1))[:, 1:] * self.advance.conj()
        lower, upper = -F.pad(now, (1, 0))[..., :-1], -F.pad(now, (0, 1))[..., 1:]
        turned = torch.stack([earlier, later, lower, upper, mean], dim=-1) * phase.conj().unsqueeze(-1)
        batch, frames, bins = now.shape
        planes = size.new_empty(batch, frames, bins + -bins % self.together, self.planes)  # once: it is large
        planes[:, :, bins:] = 0
        planes[:, :, :bins, :10] = torch.view_as_real(turned).flatten(-2)
        planes[:, :, :bins, 10:14] = levels
        planes[:, :, :bins, 14:] = self.place
        return phase, planes


def level(magnitudes: _Rows) -> _Rows:
    """The logarithm of whitened magnitudes, brought to about -2 … 1."""
    return (magnitudes + FAINT_MAGNITUDE).log() / 3


def _compressed(spectrum: _ComplexRows) -> _ComplexRows:
    """The square root of the magnitudes with the same phases."""
    return spectrum * energy(spectrum).add(FAINT_MAGNITUDE**2).pow(-0.25)
