"""The one road from mels to sound: each mel in the fastest way that there is for its model, in bounded memory."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from audiodiff.diffusion import Sampler, Times
from audiodiff.models.diffusion_model import DiffusionModel, SamplingPlan
from audiodiff.noise import SampleNoise
from audiodiff.streaming.pieces import Progress, in_pieces, share_of, silent, tiles
from audiodiff.streaming.replay import PointwiseError
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

_Road = Callable[[Sequence[int], Progress], Sequence[OneWave]]
"""From the places of some mels of a list to their waveforms."""


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
    if long or tiles(model):
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
    roads = _Roads(model, mels, plan, seeds, voiced)
    waves: dict[int, OneWave] = {}

    def go(places: Sequence[int], road: _Road) -> None:
        if places:
            part = share_of(progress, len(waves), len(mels), len(places))
            made = road(places, part)
            part(1.0)
            waves.update(zip(places, made, strict=True))

    if isinstance(model, Recorded) and voiced is None:
        go([i for i, mel in enumerate(mels) if mel.shape[-1] <= LONG], roads.recorded(model))
    rest = [i for i in range(len(mels)) if i not in waves]
    windows = window_plan(model, plan, [mels[i] for i in rest])
    if windows is not None:
        places = in_many_lengths([mels[i] for i in rest], range(windows.length, LONGEST_TOGETHER + 1))
        go([rest[place] for place in places], roads.cut(windows))
    rest = [i for i in range(len(mels)) if i not in waves]
    for places in of_one_length([mels[i] for i in rest]):
        go([rest[place] for place in places], roads.of_one_length)
    return [waves[i] for i in range(len(mels))]


@dataclass(frozen=True)
class _Roads:
    """The ways in which some of the mels, by their places, become waveforms."""

    model: DiffusionModel
    mels: Sequence[OneMel]
    plan: SamplingPlan
    seeds: Sequence[int]
    voiced: Callable[[Sequence[int]], DiffusionModel] | None

    def recorded(self, model: Recorded) -> _Road:
        """Replayed, some together."""
        return lambda places, _: model.each(self._mels(places), **self.plan, seeds=self._seeds(places))

    def cut(self, windows: WindowPlan) -> _Road:
        """In windows of one length."""

        def road(places: Sequence[int], part: Progress) -> Sequence[OneWave]:
            return in_windows(
                self.model,
                self._mels(places),
                **self.plan,
                windows=windows,
                seeds=self._seeds(places),
                together=MELS_TOGETHER,
                progress=part,
                voiced=lambda item: self._voice([places[item]]),
            )

        return road

    def of_one_length(self, places: Sequence[int], part: Progress) -> Sequence[OneWave]:
        """As one batch."""
        noise = [SampleNoise([seed]) for seed in self._seeds(places)]
        batch = torch.stack(self._mels(places))
        return list(next(synthesize(self._voice(places), batch, **self.plan, noise=noise, progress=part)))

    def _voice(self, places: Sequence[int]) -> DiffusionModel:
        return self.model if self.voiced is None else self.voiced(places)

    def _mels(self, places: Sequence[int]) -> list[OneMel]:
        return [self.mels[place] for place in places]

    def _seeds(self, places: Sequence[int]) -> list[int]:
        return [self.seeds[place] for place in places]


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


def _told(steps: Iterator[Wave], progress: Progress, count: int) -> Iterator[Wave]:
    for step, found in enumerate(steps, start=1):
        progress(min(1.0, step / count))
        yield found
