"""A source-filter voice at an f0 that the caller gives in place of the mel's own."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Sampler, Times
from audiodiff.errors import ConfigError
from audiodiff.models.diffusion_model import DiffusionModel, SamplingPlan
from audiodiff.noise import SampleNoise
from audiodiff.priors import SourceFilter
from audiodiff.priors.source_filter_stream import SourceFilterStream
from audiodiff.streaming.frame_buffer import FrameBuffer
from audiodiff.streaming.pieces import Progress, share_of, silent
from audiodiff.streaming.synthesis import may_go_together, synthesize, synthesize_each
from audiodiff.types import F0, Mel, OneF0, OneMel, OneWave, Samples, Wave


class GivenPitch:
    """A `SourceFilter` prior with pulses at the f0 that was given; at the mel's own if none ever was.

    Of one mel, which may come in pieces, or of a batch whose f0 is given at once.
    """

    def __init__(self, prior: SourceFilter) -> None:
        self.prior = prior
        self.f0 = FrameBuffer(1)

    def give(self, f0: OneF0) -> None:
        """Add the f0 of the next frames of one mel, in hertz, 0 where unvoiced."""
        self.f0.append(f0.unsqueeze(0))

    @property
    def radius(self) -> Samples:
        """Receptive radius of the shaped noise."""
        return self.prior.radius

    def condition(self, mel: Mel) -> Conditioning:
        """The mean at the given f0, and the scale."""
        return self.prior.condition(mel, self.f0.read(0, mel.shape[-1]) if self.f0.end else None)

    def scale(self, mel: Mel) -> Tensor:
        """Root mean square magnitudes of the noise, [batch, bins, frames of the short STFT]."""
        return self.prior.scale(mel)

    def encode(self, x: Wave, cond: Conditioning) -> Wave:
        """From a waveform to its difference from the mean."""
        return self.prior.encode(x, cond)

    def decode(self, r: Wave, cond: Conditioning) -> Wave:
        """The inverse of `encode`."""
        return self.prior.decode(r, cond)

    def shape(self, white: Tensor, cond: Conditioning) -> Tensor:
        """From white noise to this prior's noise."""
        return self.prior.shape(white, cond)

    def means(self) -> "GivenPitchMeans":
        """Begin with the mean of the mel in pieces."""
        return GivenPitchMeans(self.f0, self.prior.means())


class GivenPitchMeans:
    """The mean of one mel that comes in pieces, at f0 that was given before each of them."""

    def __init__(self, f0: FrameBuffer, means: SourceFilterStream) -> None:
        self.f0, self.means, self.lag = f0, means, means.lag
        self.fed = 0

    def feed(self, mel: Mel) -> Wave:
        """Take the next frames [1, n_mels, frames], return the whole hops [1, samples] that are ready."""
        start, self.fed = self.fed, self.fed + mel.shape[-1]
        if not self.f0.end:
            return self.means.feed(mel)
        f0 = self.f0.read(start, self.fed)
        self.f0.forget(before=self.fed)
        return self.means.feed(mel, f0)

    def flush(self) -> Wave:
        """Return the rest."""
        return self.means.flush()


def source_filter_of(model: DiffusionModel) -> SourceFilter:
    """The prior of a voice whose f0 can be given; raises `ConfigError` for another voice."""
    if not isinstance(model.prior, SourceFilter):
        raise ConfigError(
            f"this voice has no f0 to be given or changed: its prior is a {type(model.prior).__name__}, "
            "which takes pitch from the mel; use a voice with a SourceFilter prior"
        )
    return model.prior


def open_to_pitch(model: DiffusionModel) -> tuple[DiffusionModel, GivenPitch | None]:
    """The same voice for a stream, and what takes its f0; the model itself and None where it takes none."""
    if not isinstance(model.prior, SourceFilter):
        return model, None
    pitch = GivenPitch(model.prior)
    return model.changed(prior=pitch), pitch


def voiced_at(model: DiffusionModel, f0: F0) -> DiffusionModel:
    """The same voice for a batch of mels, or for one, at their f0 [batch, frames]."""
    pitch = GivenPitch(source_filter_of(model))
    pitch.f0.append(f0)
    return model.changed(prior=pitch)


@torch.no_grad()
def pitch_of(model: DiffusionModel, mels: Iterable[Mel]) -> OneF0:
    """The f0 of one mel, in pieces [1, n_mels, frames], as the voice would take it: in hertz, 0 where unvoiced."""
    stream, found, last = source_filter_of(model).source_stream(), [], None
    for last in mels:
        found.append(stream.feed(last, last=False))
    if last is None:
        return torch.zeros(0, dtype=torch.float64)
    found.append(stream.feed(last[..., :0], last=True))
    return torch.cat(found, dim=1)[0].cpu()


def synthesize_at(
    model: DiffusionModel,
    mel: Mel,
    f0: Sequence[OneF0] | None,
    *,
    sampler: Sampler,
    times: Times,
    noise: Sequence[SampleNoise],
    every_step: bool = False,
    progress: Progress = silent,
) -> Iterator[Wave]:
    """Yield waveforms as `synthesize` does, every mel of the batch at the f0 given for it, if any is.

    Raises `ConfigError` for a voice whose f0 cannot be given.
    """
    plan: SamplingPlan = {"sampler": sampler, "times": times}
    if f0 is None:
        return synthesize(model, mel, **plan, noise=noise, every_step=every_step, progress=progress)
    if may_go_together(mel):
        return synthesize(
            voiced_at(model, torch.stack(list(f0))), mel, **plan, noise=noise, every_step=every_step, progress=progress
        )
    runs = []
    for index, (item, track, white) in enumerate(zip(mel.split(1), f0, noise, strict=True)):
        voice, part = voiced_at(model, track.unsqueeze(0)), share_of(progress, index, len(f0))
        runs.append(synthesize(voice, item, **plan, noise=[white], every_step=every_step, progress=part))
    return map(torch.cat, zip(*runs, strict=True))


def synthesize_each_at(
    model: DiffusionModel,
    mels: Sequence[OneMel],
    f0: Sequence[OneF0] | None,
    *,
    sampler: Sampler,
    times: Times,
    seeds: Sequence[int],
    progress: Progress = silent,
) -> list[OneWave]:
    """Return the waveform [samples] of every mel, whatever their lengths, at the f0 given for it, if any is."""
    plan: SamplingPlan = {"sampler": sampler, "times": times}
    if f0 is None:
        return synthesize_each(model, mels, **plan, seeds=seeds, progress=progress)
    given = f0
    return synthesize_each(
        model,
        mels,
        **plan,
        seeds=seeds,
        progress=progress,
        voiced=lambda places: voiced_at(model, torch.stack([given[place] for place in places])),
    )
