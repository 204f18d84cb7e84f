"""The source-filter prior of a voice for every mel convention: one set of weights, at fine frames and over hertz."""

import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.audio.framing import frame_centre
from audiodiff.conditioning import Conditioning
from audiodiff.mel.fine import fine_spec
from audiodiff.mel.hertz import FineBands, FineF0, LogBands
from audiodiff.mel.spec import MelSpec
from audiodiff.priors.any_mel_stream import AnyMelStream, FineBandsStream, MelSourceStream
from audiodiff.priors.source_filter import FilterModel, SourceFilter, SourceModel, SpreadModel
from audiodiff.priors.source_filter_stream import SourceFilterStream, SourceStream, frames_around
from audiodiff.source.pulses import PulseGenerator
from audiodiff.types import F0, Mel, Samples, Wave


class AnyMelSourceFilter(SourceFilter):
    """A `SourceFilter` whose networks see `FineBands` in place of mels, so that no weight belongs to a convention.

    f0 that is found has a value for every fine frame; f0 that is given has one for every frame of the mel.
    """

    any_mel = True
    """A model with this prior can be built for any convention from the same weights."""

    def __init__(self, *, mel: MelSpec, source: nn.Module, filter: nn.Module, spread: nn.Module) -> None:
        super().__init__(mel=mel, source=source, filter=filter, spread=spread)
        fine = fine_spec(mel)
        self.bands = FineBands(mel)
        self.parts = self.bands.parts
        self.stft = self.fine
        self.fine_centre = frame_centre(fine.n_fft, fine.hop_length, fine.framing)
        self.fine_spec = fine

    @property
    def radius(self) -> Samples:
        """Receptive radius of the shaped noise."""
        inner = cast(SpreadModel, self.spread).frame_radius * self.fine.hop_length
        return inner + max(0, self.bands.fine.radius) + self.fine.radius + self.fine.hop_length

    def found(self, mel: Mel) -> FineF0:
        """f0 of every fine frame."""
        return cast(SourceModel, self.source).f0(self.seen(mel))

    def seen(self, mel: Mel) -> LogBands:
        """The networks' input; rounded once, so that pieces and wholes are told the same."""
        return self.bands(mel.double()).to(mel.dtype)

    @torch.no_grad()
    def condition(self, mel: Mel, f0: F0 | None = None) -> Conditioning:
        """The mean and the scale; `f0` in hertz, one per frame of the mel, 0 where unvoiced, stands in for its own."""
        fine = self.found(mel) if f0 is None else self.finer(mel, f0)
        mean = self.filtered(self.pulses(fine).to(mel), mel, fine)
        return Conditioning(mel=mel, mean=mean, scale=self.scale(mel))

    def generator(self) -> PulseGenerator:
        """Begin with the pulses of one mel, from f0 at fine frames."""
        fine = self.fine_spec
        return PulseGenerator(sample_rate=fine.sample_rate, hop_length=fine.hop_length, centre=self.fine_centre)

    def filtered(self, pulses: Wave, mel: Mel, f0: FineF0) -> Wave:
        """The pulses through the filter of the mel; `f0` at fine frames."""
        return self.through(pulses, cast(FilterModel, self.filter)(self.bands(mel), f0.to(mel)))

    def spoken(self, pulses: Wave, mel: Mel, f0: F0 | FineF0) -> Wave:
        """The pulses through the filter of the mel, given f0 in hertz for every frame of the mel, or every fine one."""
        return self.filtered(pulses, mel, self.finer(mel, f0))

    def finer(self, mel: Mel, f0: F0 | FineF0) -> FineF0:
        """f0 of every fine frame, that of the mel's frame around it unless it is fine already."""
        return f0 if f0.shape[1] == mel.shape[-1] * self.parts else f0.repeat_interleave(self.parts, dim=1)

    def scale(self, mel: Mel) -> Float[Tensor, "batch bins fine_frames"]:
        """Root mean square magnitudes of the noise in every bin of the fine STFT."""
        return cast(SpreadModel, self.spread)(self.bands(mel))

    def pitch_logits(self, mel: Mel) -> Float[Tensor, "batch outputs fine_frames"]:
        """The source network's output for every fine frame."""
        return self.source(self.seen(mel))

    def source_stream(self) -> SourceStream:
        """Begin with the f0 of one mel that comes in pieces, one per frame of the mel."""
        middle = min(range(self.parts), key=lambda part: abs(self.bands.fine.offsets[part]))
        return MelSourceStream(FineBandsStream(self.bands), cast(SourceModel, self.source).blockwise(), middle)

    def means(self) -> AnyMelStream:  # pyright: ignore[reportIncompatibleMethodOverride] (the same methods)
        """Begin with the mean of one mel that comes in pieces."""
        source, filter_ = cast(SourceModel, self.source), cast(FilterModel, self.filter)
        around, generator = frames_around(self.fine), self.generator()
        lag = source.frame_radius + max(filter_.frame_radius + around, generator.lag + 2 * around)
        inner = SourceFilterStream(source.blockwise(), filter_.blockwise(), generator, self.fine, lag=lag)
        return AnyMelStream(FineBandsStream(self.bands), inner, lag=1 + math.ceil(lag / self.parts))
