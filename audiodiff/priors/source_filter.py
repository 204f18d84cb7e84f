"""A prior in time with the glottis: pulses through a filter, and noise for what these leave open."""

from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from audiodiff.audio.framing import frame_centre
from audiodiff.audio.stft import Stft
from audiodiff.conditioning import Conditioning
from audiodiff.mel.fine import fine_stft
from audiodiff.mel.spec import MelSpec
from audiodiff.priors.source_filter_stream import (
    FilterStream,
    SourceFilterStream,
    SourceStream,
    frames_around,
)
from audiodiff.source.pulses import PulseGenerator, whole_pulses
from audiodiff.types import F0, Mel, Samples, Wave

_Gains = Complex[Tensor, "batch bins frames"]


@runtime_checkable
class SourceModel(Protocol):
    """f0 and voicing of a mel, from `frame_radius` frames to either side of each."""

    frame_radius: int

    def f0(self, mel: Mel) -> F0:
        """In hertz, 0 where unvoiced."""
        ...

    def blockwise(self) -> SourceStream:
        """Begin with one mel that comes in pieces."""
        ...


@runtime_checkable
class FilterModel(Protocol):
    """Complex gains on the pulses, from `frame_radius` frames to either side of each."""

    frame_radius: int

    def __call__(self, mel: Mel, f0: F0) -> _Gains:
        """Those of whole mels."""
        ...

    def blockwise(self) -> FilterStream:
        """Begin with one mel that comes in pieces."""
        ...


@runtime_checkable
class SpreadModel(Protocol):
    """Root mean square magnitudes of the noise on the fine STFT, from `frame_radius` frames to either side of each."""

    frame_radius: int

    def __call__(self, mel: Mel) -> Float[Tensor, "batch bins fine_frames"]:
        """Those of whole mels."""
        ...


class SourceFilter(nn.Module):
    """Mean: a pulse train at the mel's f0 through a complex filter. Scale: what the filter has learnt it cannot know.

    A mel says nothing of absolute phase, so in training pulses lie at the closure instants of the recording, and in
    synthesis anywhere: f0 is integrated from the first frame on. Relative to the pulses phases can be learnt
    (neural homomorphic vocoder, Liu et al. 2020; PeriodGrad, Hono et al. 2024; noise as in PriorGrad, Lee et al. 2022).
    """

    def __init__(self, *, mel: MelSpec, source: nn.Module, filter: nn.Module, spread: nn.Module) -> None:
        super().__init__()
        self.spec = mel
        self.source, self.filter, self.spread = source, filter, spread
        self.stft, self.fine = Stft(mel), fine_stft(mel)
        self.centre = frame_centre(mel.n_fft, mel.hop_length, mel.framing)

    @property
    def radius(self) -> Samples:
        """Receptive radius of the shaped noise: the spread's, and that of a short transform and its inverse."""
        return cast(SpreadModel, self.spread).frame_radius * self.spec.hop_length + self.fine.radius

    @torch.no_grad()
    def condition(self, mel: Mel, f0: F0 | None = None) -> Conditioning:
        """The mean and the scale; `f0` in hertz, 0 where unvoiced, stands in for the mel's own."""
        f0 = cast(SourceModel, self.source).f0(mel) if f0 is None else f0
        mean = self.filtered(self.pulses(f0).to(mel), mel, f0.to(mel))
        return Conditioning(mel=mel, mean=mean, scale=self.scale(mel))

    def pulses(self, f0: F0) -> Wave:
        """One pulse train for every item, `hop_length` samples a frame."""
        one = self.generator()
        return whole_pulses(f0, sample_rate=one.sample_rate, hop_length=one.hop_length, centre=one.centre)

    def generator(self) -> PulseGenerator:
        """Begin with the pulses of one mel."""
        return PulseGenerator(sample_rate=self.spec.sample_rate, hop_length=self.spec.hop_length, centre=self.centre)

    def filtered(self, pulses: Wave, mel: Mel, f0: F0) -> Wave:
        """The pulses through the filter of the mel."""
        return self.through(pulses, cast(FilterModel, self.filter)(mel, f0))

    def spoken(self, pulses: Wave, mel: Mel, f0: F0) -> Wave:
        """The pulses through the filter of the mel, given f0 in hertz for every frame of the mel."""
        return self.filtered(pulses, mel, f0)

    def through(self, pulses: Wave, gains: _Gains) -> Wave:
        """The pulses through a filter."""
        return self.stft.inverse(self.stft(pulses) * gains / self.stft.noise_magnitude)

    def scale(self, mel: Mel) -> Float[Tensor, "batch bins fine_frames"]:
        """Root mean square magnitudes of the noise in every bin of the fine STFT."""
        return cast(SpreadModel, self.spread)(mel)

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """From white noise to this prior's noise."""
        scale = self.scale(cond.need_mel()) if cond.scale is None else cond.scale
        return self.fine.inverse(self.fine(white) * scale / self.fine.noise_magnitude)

    def encode(self, x: Wave, cond: Conditioning) -> Wave:
        """From a waveform to its difference from the mean."""
        return x - cond.need_mean()

    def decode(self, r: Wave, cond: Conditioning) -> Wave:
        """The inverse of `encode`."""
        return r + cond.need_mean()

    def whitened(
        self, r: Wave, scale: Float[Tensor, "batch bins fine_frames"]
    ) -> Complex[Tensor, "batch bins fine_frames"]:
        """A residual in units of the noise's standard deviation in every bin: Sigma^(-1/2) r."""
        return self.fine(r) / scale

    def pitch_logits(self, mel: Mel) -> Float[Tensor, "batch outputs frames"]:
        """The source network's output for every frame."""
        return self.source(mel)

    def source_stream(self) -> SourceStream:
        """Begin with the f0 of one mel that comes in pieces."""
        return cast(SourceModel, self.source).blockwise()

    def means(self) -> SourceFilterStream:
        """Begin with the mean of one mel that comes in pieces."""
        source, filter_, around = (
            cast(SourceModel, self.source),
            cast(FilterModel, self.filter),
            frames_around(self.stft),
        )
        return SourceFilterStream(
            source.blockwise(),
            filter_.blockwise(),
            self.generator(),
            self.stft,
            lag=source.frame_radius + max(filter_.frame_radius + around, self.generator().lag + 2 * around),
        )
