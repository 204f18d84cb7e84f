"""A whole mel through a network that takes all of a sampler's calls on one tile of time before the next tile."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Sampler, Times
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.streaming.model_stream import AddressedNoise, ModelStream
from audiodiff.types import Mel, Time, Wave


class TiledCalls(Protocol):
    """All calls that a sampler makes of a network for one waveform, tile by tile."""

    tile: int
    """Frames of a tile."""
    fed: list[int]
    """Frames that each call has taken."""

    @property
    def ahead(self) -> int:
        """How many frames of the mel the first call must be able to see behind those of its tile."""
        ...

    def feed(
        self, turn: int, x: Wave, t: Time, cond: Conditioning, read: Callable[[int, int], Mel], *, last: bool
    ) -> Tensor:
        """Let a call take its next tile; return the next whole frames of its answer."""
        ...


@runtime_checkable
class Tileable(Protocol):
    """A network that can keep what it knows of a tile from call to call."""

    tiles: bool
    """Whether it can here and now."""

    def in_tiles(self, calls: int) -> TiledCalls:
        """Begin with a waveform."""
        ...


class TiledStream(ModelStream):
    """`ModelStream` for a mel that is there already: a tile later than need be, and faster, with several calls.

    Whole tiles go through all calls; what is left of the mel waits for the next piece, or for `flush`.
    """

    def __init__(
        self, model: DiffusionModel, network: Tileable, *, sampler: Sampler, times: Times, noise: AddressedNoise
    ) -> None:
        super().__init__(model, sampler=sampler, times=times, noise=noise)
        self.calls = network.in_tiles(len(self.rehearsal.answers))

    def _advance(self, ready: int, *, last: bool) -> Wave:
        fed = self.calls.fed
        ready = ready if last else ready - self.calls.ahead
        waves = [self._finish(self.finished)]
        while fed[0] < ready and (last or fed[0] + self.calls.tile <= ready):
            end = min(fed[0] + self.calls.tile, ready)
            waves.append(self._finish(self._through(end, last=last and end == ready)))
        return torch.cat(waves, dim=-1)

    def _through(self, end: int, *, last: bool) -> int:
        """Let every call take the tiles that are whole up to frame `end`; return where the last one has come to."""
        for turn, answer in enumerate(self.rehearsal.answers):
            while (start := self.calls.fed[turn]) < end and (last or start + self.calls.tile <= end):
                stop = min(start + self.calls.tile, end)
                answer.append(self._fed(turn, start, stop, last=last and stop == end))
            end = answer.end
        return end

    def _fed(self, turn: int, start: int, end: int, *, last: bool) -> Tensor:
        question = self.rehearsal.question(*self._beginning(start, end), turn, start, end)
        return self.calls.feed(turn, question.x, question.label, self._cond(start, end), self._frames, last=last)

    def _frames(self, start: int, end: int) -> Mel:
        return self.mel.read(start, min(end, self.mel.end))
