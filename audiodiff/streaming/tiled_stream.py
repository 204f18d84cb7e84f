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
    """Frames of a tile, at most."""
    fed: list[int]
    """Frames that each call has taken."""

    @property
    def ahead(self) -> int:
        """Frames of the mel behind those of its tile that the first call must be able to see."""
        ...

    @property
    def delay(self) -> int:
        """Number of frames by which the output of a call is behind its input."""
        ...

    def end_of_tile(self, frame: int) -> int:
        """End of the tile that holds a frame."""
        ...

    def feed(
        self, turn: int, x: Wave, t: Time, cond: Conditioning, read: Callable[[int, int], Mel], *, last: bool
    ) -> Tensor:
        """Let a call take its next frames, all of one tile; return the next whole frames of its output."""
        ...


@runtime_checkable
class Tileable(Protocol):
    """A network that can keep what it knows of a tile from call to call."""

    tiles: bool
    """True where it can here and now."""

    def in_tiles(self, calls: int) -> TiledCalls:
        """Begin with a waveform."""
        ...


FEW = 128
"""Frames that a prior is fed at a time, at least."""


class TiledStream(ModelStream):
    """`ModelStream` in which a network keeps what it knows from tile to tile, and computes nothing twice.

    A `live` stream goes as far as it can whenever it is fed. Otherwise a call waits for whole tiles, of which it makes
    the same in less time; what is left of the mel waits for the next piece, or for `flush`.
    """

    def __init__(
        self,
        model: DiffusionModel,
        network: Tileable,
        *,
        sampler: Sampler,
        times: Times,
        noise: AddressedNoise,
        every_step: bool = False,
        live: bool = False,
    ) -> None:
        super().__init__(model, sampler=sampler, times=times, noise=noise, every_step=every_step)
        self.live, self.calls = live, network.in_tiles(len(self.replay.outputs))
        self.piece = max(self.calls.tile, FEW)

    @property
    def _sampling_lag(self) -> int:
        wait = 0 if self.live else self.calls.tile - 1
        return self._prior_lag + self.calls.ahead + (self.calls.delay + wait) * len(self.replay.outputs)

    def _advance(self, ready: int, *, last: bool) -> Wave:
        fed = self.calls.fed
        ready = ready if last else ready - self.calls.ahead
        waves = [self._decoded(self.sampled)]
        while fed[0] < ready and (last or self.live or fed[0] + self.calls.tile <= ready):
            end = min(fed[0] + self.calls.tile, ready)
            waves.append(self._decoded(self._through(end, last=last and end == ready)))
        return torch.cat(waves, dim=-1)

    def _through(self, end: int, *, last: bool) -> int:
        """Let every call go on up to frame `end`, or to where the call before has come; return the last one's place."""
        for turn, output in enumerate(self.replay.outputs):
            while (start := self.calls.fed[turn]) < end:
                stop = end if turn == 0 else self.calls.end_of_tile(start)
                if stop > end and not self.live:
                    break
                stop = min(stop, end)
                output.append(self._fed(turn, start, stop, last=last and stop == end))
            end = output.end
        return end

    def _fed(self, turn: int, start: int, end: int, *, last: bool) -> Tensor:
        call = self.replay.call(*self._beginning(start, end), turn, start, end)
        return self.calls.feed(turn, call.x, call.label, self._cond(start, end), self._frames, last=last)

    def _frames(self, start: int, end: int) -> Mel:
        return self.mel.read(start, min(end, self.mel.end))
