"""The one road from mels to sound: each mel in the fastest way that there is for its model, in bounded memory."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from audiodiff.diffusion import Sampler, Times
from audiodiff.models.diffusion_model import DiffusionModel, LocalPrior, SamplingPlan
from audiodiff.noise import SampleNoise
from audiodiff.streaming.model_stream import AddressedNoise, ModelStream
from audiodiff.streaming.replay import PointwiseError
from audiodiff.streaming.tiled_stream import Tileable, TiledStream
from audiodiff.streaming.windows import WindowPlan, in_windows
from audiodiff.types import Mel, OneMel, OneWave, Wave

LONG = 1024
"""Frames up to which a mel may be vocoded in one piece; longer ones are streamed, to bound the memory."""
LONGEST_TOGETHER = 1 << 14
"""Frames up to which the prior of a mel that goes in windows is computed whole: three minutes."""

MELS_TOGETHER = 16
"""Mels of a list, or windows of them, that go through together."""
BATCHED = frozenset({"cuda"})
"""Kinds of devices that are faster for many mels at a time."""

Progress = Callable[[float], None]
"""Called with the share of the work that is done, from 0 to 1."""


def silent(share: float) -> None:
    """Tell nobody."""


@runtime_checkable
class Recorded(Protocol):
    """A model whose sampling is recorded for whole batches, and replayed."""

    def generate(self, mel: Mel, *, sampler: Sampler, times: Times, noise: SampleNoise) -> Wave:
        """Replay it for a batch."""
        ...

    def each(self, mels: Sequence[OneMel], *, sampler: Sampler, times: Times, seeds: Sequence[int]) -> list[OneWave]:
        """Replay it for mels of any lengths, some together."""
        ...


def synthesize(
    model: DiffusionModel,
    mel: Mel,
    *,
    sampler: Sampler,
    times: Times,
    noise: Sequence[SampleNoise],
    every_step: bool = False,
    progress: Progress = silent,
) -> Iterator[Wave]:
    """Yield the waveforms [batch, samples] of a batch: after every step of the sampler, or once, after the last.

    A network that works tile by tile yields all steps when it has come to the end. Raises `ConfigError` where a mel is
    long and prior, network or sampler cannot be had in pieces.
    """
    plan: SamplingPlan = {"sampler": sampler, "times": times}
    long = mel.shape[-1] > LONG
    windows = window_plan(model, plan, mel) if long and not every_step else None
    if windows is not None and windows.length <= mel.shape[-1] <= LONGEST_TOGETHER:
        seeds = [seed for one in noise for seed in one.seeds]
        yield torch.stack(
            in_windows(
                model, list(mel), **plan, windows=windows, seeds=seeds, together=MELS_TOGETHER, progress=progress
            )
        )
        return
    if long or _tiles(model):
        try:
            yield from in_pieces(model, mel, **plan, noise=noise, every_step=every_step, progress=progress)
            return
        except PointwiseError:
            if long:
                raise
    together = SampleNoise([seed for one in noise for seed in one.seeds])
    if isinstance(model, Recorded) and not every_step:
        yield model.generate(mel, **plan, noise=together)
        progress(1.0)
        return
    if every_step:
        yield from _told(model.steps(mel, **plan, noise=together), progress, len(times) - 1)
        return
    cond = model.prior.condition(mel)
    *_, state = _told(model.states(cond, **plan, noise=together), progress, len(times) - 1)
    yield model.waves(state, cond)


def synthesize_each(
    model: DiffusionModel,
    mels: Sequence[OneMel],
    *,
    sampler: Sampler,
    times: Times,
    seeds: Sequence[int],
    progress: Progress = silent,
    voiced: Callable[[Sequence[int]], DiffusionModel] | None = None,
) -> list[OneWave]:
    """Return the waveform [samples] of every mel [n_mels, frames], whatever their lengths.

    `voiced` is asked for the model of those mels that go through together, by their places, if it is not the same.
    """
    plan: SamplingPlan = {"sampler": sampler, "times": times}
    waves: dict[int, OneWave] = {}

    def go(places: Sequence[int], road: Callable[[Sequence[int], Progress], Sequence[OneWave]]) -> None:
        if places:
            part = share_of(progress, len(waves), len(mels), len(places))
            made = road(places, part)
            part(1.0)
            waves.update(zip(places, made, strict=True))

    def picked(places: Sequence[int]) -> tuple[list[OneMel], list[int]]:
        return [mels[i] for i in places], [seeds[i] for i in places]

    def recorded(places: Sequence[int], _: Progress) -> Sequence[OneWave]:
        assert isinstance(model, Recorded)
        some, theirs = picked(places)
        return model.each(some, **plan, seeds=theirs)

    def cut(places: Sequence[int], part: Progress) -> Sequence[OneWave]:
        assert windows is not None
        some, theirs = picked(places)
        own = None if voiced is None else lambda item: voiced([places[item]])
        many = {"together": MELS_TOGETHER, "progress": part, "voiced": own}
        return in_windows(model, some, **plan, windows=windows, seeds=theirs, **many)

    def of_one(places: Sequence[int], part: Progress) -> Sequence[OneWave]:
        some, theirs = picked(places)
        voice, noise = model if voiced is None else voiced(places), [SampleNoise([seed]) for seed in theirs]
        return list(next(synthesize(voice, torch.stack(some), **plan, noise=noise, progress=part)))

    if isinstance(model, Recorded) and voiced is None:
        go([i for i, mel in enumerate(mels) if mel.shape[-1] <= LONG], recorded)
    rest = [i for i in range(len(mels)) if i not in waves]
    windows = window_plan(model, plan, [mels[i] for i in rest])
    if windows is not None:
        places = in_many_lengths([mels[i] for i in rest], range(windows.length, LONGEST_TOGETHER + 1))
        go([rest[place] for place in places], cut)
    rest = [i for i in range(len(mels)) if i not in waves]
    for places in of_one_length([mels[i] for i in rest]):
        go([rest[place] for place in places], of_one)
    return [waves[i] for i in range(len(mels))]


def window_plan(model: DiffusionModel, plan: SamplingPlan, mels: Sequence[OneMel] | Mel) -> WindowPlan | None:
    """The windows that mels on a GPU are cut into; None for a sampler that needs the whole signal, and for no mel."""
    on_gpu = [mel for mel in mels if mel.device.type in BATCHED]
    if not in_many_lengths(on_gpu, range(WindowPlan.shortest(), LONGEST_TOGETHER + 1)):
        return None
    try:
        return WindowPlan.of(model, **plan)
    except PointwiseError:
        return None


def in_many_lengths(mels: Sequence[OneMel], frames: range) -> list[int]:
    """The places of mels that windows serve best, `frames` long: those above `LONG`, and those alone with a length."""
    alike = Counter(mel.shape[-1] for mel in mels)
    long = [place for place, mel in enumerate(mels) if mel.shape[-1] in frames and mel.shape[-1] > LONG]
    alone = [place for place, mel in enumerate(mels) if mel.shape[-1] in frames and alike[mel.shape[-1]] == 1]
    return sorted({*long, *alone}) if long or len(alone) > 1 else []


def of_one_length(mels: Sequence[OneMel]) -> list[list[int]]:
    """The places of mels that go through together, if they do: at most `MELS_TOGETHER` of one length."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    seen: Counter[int] = Counter()
    for place, mel in enumerate(mels):
        frames = mel.shape[-1]
        most = MELS_TOGETHER if may_go_together(mel) else 1
        groups[frames, seen[frames] // most].append(place)
        seen[frames] += 1
    return sorted(groups.values())


def may_go_together(mel: Tensor) -> bool:
    """Check whether mels of that device and length are vocoded as one batch: on a GPU, unless they are streamed."""
    return mel.device.type in BATCHED and mel.shape[-1] <= LONG


def in_pieces(
    model: DiffusionModel,
    mel: Mel,
    *,
    sampler: Sampler,
    times: Times,
    noise: Sequence[AddressedNoise],
    every_step: bool = False,
    progress: Progress = silent,
) -> list[Wave]:
    """One mel after the other through a stream; the waveforms [batch, samples] after each step, or the last alone."""
    items: list[Tensor] = []
    for index, (item, white) in enumerate(zip(mel.split(1), noise, strict=True)):
        stream = open_stream(model, sampler=sampler, times=times, noise=white, every_step=every_step)
        part, parts = share_of(progress, index, len(mel)), []
        for piece in item.split(stream.piece, dim=-1):
            parts.append(stream.feed(piece))
            part(stream.finished / item.shape[-1])
        parts.append(stream.flush())
        part(1.0)
        items.append(torch.cat(parts, dim=-1))
    return list(torch.stack(items, dim=1))


def open_stream(
    model: DiffusionModel,
    *,
    sampler: Sampler,
    times: Times,
    noise: AddressedNoise,
    every_step: bool = False,
    live: bool = False,
) -> ModelStream:
    """Begin with one mel that comes in pieces: tile by tile, if the network can here and now."""
    network = model.denoiser.network
    if isinstance(network, Tileable) and network.tiles:
        return TiledStream(model, network, sampler=sampler, times=times, noise=noise, every_step=every_step, live=live)
    return ModelStream(model, sampler=sampler, times=times, noise=noise, every_step=every_step)


def share_of(progress: Progress, index: int, n: int, parts: int = 1) -> Progress:
    """The progress of one of `n` equal parts, or of some of them together."""
    return lambda share: progress((index + parts * share) / n)


def _told(steps: Iterator[Wave], progress: Progress, count: int) -> Iterator[Wave]:
    for step, found in enumerate(steps, start=1):
        progress(min(1.0, step / count))
        yield found


def _tiles(model: DiffusionModel) -> bool:
    network = model.denoiser.network
    return isinstance(network, Tileable) and network.tiles and isinstance(model.prior, LocalPrior)
