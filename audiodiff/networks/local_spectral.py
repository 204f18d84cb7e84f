"""A denoiser that improves a spectrum bin by bin, from each bin's neighbours."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.audio.stft import Stft
from audiodiff.conditioning import Conditioning
from audiodiff.mel.envelope import MelEnvelope
from audiodiff.mel.spec import MelSpec
from audiodiff.networks.embeddings import StepEmbedding
from audiodiff.phase.griffin_lim import energy
from audiodiff.phase.mel_constraint import MelConstraint
from audiodiff.types import Samples, Time, Wave

BinRows = Float[Tensor, "batch frames bins"]
ComplexBinRows = Complex[Tensor, "batch frames bins"]
Covered = Complex[Tensor, "batch frames covered"]
"""The bins that the mel's bands cover, without an odd last one."""
Planes = Float[Tensor, "batch frames covered planes"]

FAINT = 1e-3
"""Magnitude, relative to the mel's envelope, under which a bin has no phase to speak of."""

TOGETHER = 2
"""Neighbouring bins that share a place of the convolutions, which twice as many channels make up for."""

GAINS = 4
"""On the consistent spectrum, on the present one, on the mean, and on the present phases alone."""

LEAST_ENERGY = 1e-12


class LocalSpectralNetwork(nn.Module):
    """An iteration of Griffin-Lim with a small two-dimensional network in it (Masuyama et al. 2019).

    From the present estimate X = STFT(mean + x_t) come B, which has X's phases and keeps to the mel, and
    C = STFT(iSTFT(B)), as in Griffin-Lim. Convolutions over frames and bins see magnitudes, and complex values only
    relative to the phase of the bin they belong to; what they say are gains on X, C and the mean. So a rotation
    of all phases rotates the output, and no phase has to be learnt as such. Above the mel's band the output is C.
    """

    def __init__(
        self, *, mel: MelSpec, channels: int = 32, layers: int = 5, n_steps: int = 1000, step_channels: int = 64
    ) -> None:
        super().__init__()
        self.stft = Stft(mel)
        self.envelope = MelEnvelope(mel)
        self.constraint = MelConstraint(mel)
        covered = int((self.constraint.uncovered == 0).nonzero().amax()) + 1
        self.bins = covered // TOGETHER * TOGETHER
        self.relative = RelativePhases(mel, self.bins)
        self.embedding = StepEmbedding(n_steps=n_steps, channels=step_channels)
        self.stack = LocalStack(bins=self.bins, channels=channels, layers=layers, step_channels=step_channels)

    @property
    def radius(self) -> Samples:
        """Receptive radius: that of the stack, between a pair of transforms and another."""
        return self.stft.radius_around(self.stack.frame_radius * self.stft.hop_length)

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Map `hop_length · frames` noisy samples, their noise time, mel and mean to what the mean lacks."""
        mean, mel = cond.need_mean(), cond.need_mel()
        envelope, bands = self.envelope(mel).mT, self.constraint.bands(mel).mT
        start, now = self.stft(mean).mT, self.stft(mean + x_t).mT
        kept = self._kept(now, bands)
        consistent = self.stft(self.stft.inverse(kept.mT)).mT
        phase, planes = self.relative(now, kept, consistent, start, envelope)
        gains = torch.view_as_complex(self.stack(planes, self.embedding(t)).float().contiguous())
        b = slice(self.bins)
        inner = (1 + gains[..., 0]) * consistent[..., b] + gains[..., 1] * now[..., b] + gains[..., 2] * start[..., b]
        inner = inner + gains[..., 3] * phase * envelope[..., b]
        found = torch.cat([inner, consistent[..., self.bins :]], dim=-1)
        return self.stft.inverse(self._kept(found, bands).mT) - mean

    def _kept(self, spectrum: ComplexBinRows, bands: Float[Tensor, "batch frames n_mels"]) -> ComplexBinRows:
        """The phases of a spectrum with magnitudes that keep to the mel."""
        magnitudes = energy(spectrum).clamp_min(LEAST_ENERGY).sqrt()
        return spectrum * (self.constraint.by_frames(magnitudes, bands) / magnitudes)


class LocalStack(nn.Module):
    """Residual convolutions of 3 x 3 over frames and pairs of bins, from planes to `GAINS` complex gains of every bin.

    The last layer starts at zero. `frame_radius` is the receptive radius in frames. Memory is laid
    out with the channels last, so that packing bins into channels moves nothing.
    """

    def __init__(self, *, bins: int, channels: int, layers: int, step_channels: int) -> None:
        super().__init__()
        self.input = nn.Conv2d(TOGETHER * RelativePhases.planes, channels, 3, padding=1)
        self.place = nn.Parameter(torch.zeros(channels, 1, bins // TOGETHER))
        self.step = nn.Linear(step_channels, channels)
        self.layers = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(layers))
        self.output = nn.Conv2d(channels, TOGETHER * GAINS * 2, 1)
        self.frame_radius = 1 + layers
        for parameter in self.output.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, planes: Planes, step: Float[Tensor, "batch step_channels"]
    ) -> Float[Tensor, "batch frames covered gains 2"]:
        """Real and imaginary parts of the gains."""
        h = self.input(planes.unflatten(2, (-1, TOGETHER)).flatten(3).permute(0, 3, 1, 2))
        h += self.place + self.step(step)[..., None, None]
        for layer in self.layers:
            h += layer(F.relu(h))  # in place: fresh memory costs as much as the sum
        return self.output(F.relu(h)).permute(0, 2, 3, 1).unflatten(3, (TOGETHER, GAINS, 2)).flatten(2, 3)


class RelativePhases(nn.Module):
    """Spectra as the convolutions see them: nothing changes when all phases turn by the same angle.

    A sinusoid in the middle of bin k turns by 2 pi k hop / n_fft from frame to frame, and by pi from bin to bin because
    a frame's phase counts from its start; with that undone it looks alike in all bins and frames.
    """

    advance: Tensor
    planes = 16

    def __init__(self, mel: MelSpec, bins: int) -> None:
        super().__init__()
        self.bins = bins
        angle = 2 * torch.pi * torch.arange(bins) * mel.hop_length / mel.n_fft
        self.register_buffer("advance", torch.polar(torch.ones_like(angle), angle), persistent=False)

    def forward(
        self,
        now: ComplexBinRows,
        kept: ComplexBinRows,
        consistent: ComplexBinRows,
        start: ComplexBinRows,
        envelope: BinRows,
    ) -> tuple[Covered, Planes]:
        """The phases of `now`, and the planes."""
        envelope = envelope[..., : self.bins]
        now, kept, consistent, start = (x[..., : self.bins] / envelope for x in (now, kept, consistent, start))
        size = energy(now).sqrt()
        phase = now / (size + FAINT)
        levels = [level(size), level(energy(kept).sqrt()), level(energy(consistent).sqrt())]
        now, consistent, start = (_compressed(part) for part in (now, consistent, start))
        earlier = F.pad(now, (0, 0, 1, 0))[:, :-1] * self.advance
        later = F.pad(now, (0, 0, 0, 1))[:, 1:] * self.advance.conj()
        lower, upper = -F.pad(now, (1, 0))[..., :-1], -F.pad(now, (0, 1))[..., 1:]
        back = phase.conj()
        turned = torch.stack([earlier, later, lower, upper, consistent, start], dim=-1) * back.unsqueeze(-1)
        levels = torch.stack([*levels, (envelope.log() + 2) / 3], dim=-1)
        return phase, torch.cat([torch.view_as_real(turned).flatten(-2), levels], dim=-1)


def _compressed(spectrum: Covered) -> Covered:
    """The square root of the magnitudes with the same phases."""
    return spectrum * energy(spectrum).add(FAINT**2).pow(-0.25)


def level(magnitudes: Float[Tensor, "batch frames covered"]) -> Float[Tensor, "batch frames covered"]:
    """The logarithm of whitened magnitudes, brought to about -2 … 1."""
    return (magnitudes + FAINT).log() / 3
