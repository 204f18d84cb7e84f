"""Mels of any lengths together: windows of one length, cut from all of them, go through the sampler as a batch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice

import torch
from torch import Tensor

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Sampler, Times
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.noise import SampleNoise
from audiodiff.streaming.replay import SamplerReplay
from audiodiff.types import Mel, OneMel, OneWave, Wave

FRAMES = 512
"""Of a window, at least: what it has in common with its neighbours is computed twice."""
TIMES_REACH = 4
"""Frames of a window, in reaches, at least."""


@dataclass(frozen=True)
class Cut:
    """Frames from `start` on of a mel, of which those from `first` to `end` are kept."""

    item: int
    start: int
    first: int
    end: int


@dataclass(frozen=True)
class WindowPlan:
    """The length of all windows, and how many frames within a cut say nothing."""

    length: int
    reach: int

    @classmethod
    def of(cls, model: DiffusionModel, sampler: Sampler, times: Times) -> "WindowPlan":
        """For a model whose network is called as often as this sampler does.

        Raises `PointwiseError` where that depends on the signal, `ConfigError` if the network does not say how far it
        sees.
        """
        calls = len(SamplerReplay(model.denoiser, sampler, times, model.mel.hop_length).outputs)
        reach = calls * model.frames_around(model.radius)
        if model.finish is not None:
            reach = max(reach + model.finish.frame_radius, model.finish.mel_radius)
        return cls(max(FRAMES, TIMES_REACH * reach), reach)

    @staticmethod
    def shortest() -> int:
        """Frames that no window of any model is shorter than."""
        return FRAMES

    def cut(self, item: int, frames: int) -> Iterator[Cut]:
        """The windows of a mel of at least `length` frames: at its two ends they end where it does."""
        done = 0
        while done < frames:
            start = min(max(0, done - self.reach), frames - self.length)
            end = frames if start + self.length == frames else start + self.length - self.reach
            yield Cut(item, start, done, end)
            done = end


@dataclass
class WholeMel:
    """The condition of one whole mel, and the prior's noise for it, draw by draw."""

    model: DiffusionModel
    mel: Mel
    white: SampleNoise
    cond: Conditioning
    draws: list[Tensor] = field(default_factory=list)

    def condition(self, start: int, length: int) -> Conditioning:
        """The condition of a window."""
        cond, hop = self.cond, self.model.mel.hop_length
        return Conditioning(
            mel=self.mel[..., start : start + length],
            mean=None if cond.mean is None else cond.mean[..., start * hop : (start + length) * hop],
            scale=None if cond.scale is None else self._fine(cond.scale, start, length),
        )

    def noise(self, draw: int, start: int, length: int) -> Wave:
        """The prior's noise of a window."""
        hop = self.model.mel.hop_length
        while draw >= len(self.draws):
            like = self.mel.new_empty(1, self.mel.shape[-1] * hop)
            self.draws.append(self.model.prior.shape(self.white(like), self.cond))
        return self.draws[draw][:, start * hop : (start + length) * hop]

    def _fine(self, x: Tensor, start: int, length: int) -> Tensor:
        parts = x.shape[-1] // self.mel.shape[-1]
        return x[..., start * parts : (start + length) * parts]


@torch.no_grad()
def in_windows(
    model: DiffusionModel,
    mels: Sequence[OneMel],
    *,
    windows: WindowPlan,
    sampler: Sampler,
    times: Times,
    seeds: Sequence[int],
    together: int,
    progress: Callable[[float], None],
    voiced: Callable[[int], DiffusionModel] | None = None,
) -> list[OneWave]:
    """Return the waveform [samples] of every mel, of at least `windows.length` frames each; so many windows `together`.

    Network and finish see a window; the prior sees the whole mel, and is that of `voiced`, given the mel's place, if
    each has its own. Equal to `DiffusionModel.generate` of each mel.
    """
    cuts = [window for item, mel in enumerate(mels) for window in windows.cut(item, mel.shape[-1])]
    ends = {window.item: place for place, window in enumerate(cuts)}
    todo, opened = enumerate(cuts), dict[int, WholeMel]()
    parts: list[list[Tensor]] = [[] for _ in mels]
    while batch := list(islice(todo, together)):
        for item in {window.item for _, window in batch} - opened.keys():
            mel, voice = mels[item][None], model if voiced is None else voiced(item)
            opened[item] = WholeMel(voice, mel, SampleNoise([seeds[item]]), voice.prior.condition(mel))
        places = [(opened[window.item], window.start) for _, window in batch]
        for (_, window), wave in zip(batch, _sampled(model, places, windows.length, sampler, times), strict=True):
            hop = model.mel.hop_length
            parts[window.item].append(wave[(window.first - window.start) * hop : (window.end - window.start) * hop])
        for place, window in batch:
            if place == ends[window.item]:
                del opened[window.item]
        progress((batch[-1][0] + 1) / len(cuts))
    return [torch.cat(part) for part in parts]


def _sampled(
    model: DiffusionModel, places: Sequence[tuple[WholeMel, int]], length: int, sampler: Sampler, times: Times
) -> Wave:
    """The waveforms of a batch of windows."""
    cond = _stacked([whole.condition(start, length) for whole, start in places])
    draws = count()

    def noise(_: Tensor) -> Tensor:
        draw = next(draws)
        return torch.cat([whole.noise(draw, start, length) for whole, start in places])

    x = model.start_scale(times) * noise(times)
    *_, state = sampler(model.denoiser.bind(cond), model.denoiser.schedule, x, times, noise)
    return model.waves(state, cond, [start for _, start in places])


def _stacked(conditions: Sequence[Conditioning]) -> Conditioning:
    """The conditions of a batch; what one of them has, all have."""
    mels, means, scales = ([getattr(cond, name) for cond in conditions] for name in ("mel", "mean", "scale"))
    return Conditioning(
        mel=torch.cat(mels),
        mean=None if means[0] is None else torch.cat(means),
        scale=None if scales[0] is None else torch.cat(scales),
    )
