"""The mean of an `AnyMelSourceFilter` prior, for one mel that comes in pieces."""

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.errors import MelError
from audiodiff.mel.hertz import FineBands, FineF0, LogBands
from audiodiff.priors.source_filter_stream import SourceFilterStream, SourceStream
from audiodiff.types import F0, Mel, Wave


class FineBandsStream:
    """`FineBands` of one mel that comes in pieces: one frame late, because a frame's neighbour has to be known."""

    def __init__(self, bands: FineBands) -> None:
        self.bands = bands
        self.seen: Mel | None = None
        self.ready = 0

    def feed(self, mel: Mel, *, last: bool) -> LogBands:
        """Take the next frames [1, n_mels, frames]; return the fine frames of all but the last."""
        self.seen = mel if self.seen is None else torch.cat([self.seen, mel], dim=-1)
        end = self.seen.shape[-1] - (0 if last else 1)
        if end <= self.ready:
            return mel[..., :0]
        fine = self.bands(self.seen.double()).to(mel.dtype)
        out = fine[..., self.ready * self.bands.parts : end * self.bands.parts]
        kept = max(0, end - 1)
        self.seen, self.ready = self.seen[..., kept:], end - kept
        return out


class MelSourceStream:
    """f0 of one mel that comes in pieces, one per frame of the mel: that of the fine frame nearest to its middle."""

    def __init__(self, bands: FineBandsStream, source: SourceStream, middle: int) -> None:
        self.bands, self.source, self.middle = bands, source, middle
        self.count = 0

    def feed(self, mel: Mel, *, last: bool) -> Float[Tensor, "1 ready"]:
        """Take the next frames [1, n_mels, frames]; return the f0 of those that are ready."""
        fine = self.source.feed(self.bands.feed(mel, last=last), last=last)
        parts = self.bands.bands.parts
        first = (self.middle - self.count) % parts
        self.count += fine.shape[-1]
        return fine[:, first::parts]


class AnyMelStream:
    """A `SourceFilterStream` over fine frames that takes frames of the mel and returns whole hops of it."""

    def __init__(self, bands: FineBandsStream, inner: SourceFilterStream, *, lag: int) -> None:
        self.bands, self.inner, self.lag = bands, inner, lag
        self.hop_length = bands.bands.parts * inner.stft.hop_length
        self.f0: FineF0 | None = None
        self.rest: Wave | None = None
        self.last: Mel | None = None

    def feed(self, mel: Mel, f0: F0 | None = None) -> Wave:
        """Take the next frames [1, n_mels, frames], return the whole hops [1, samples] that are ready.

        With `f0` [1, frames] in hertz that is used instead of the mel's own; always or never.
        """
        self.last = mel[..., :0]
        bands = self.bands.feed(mel, last=False)
        return self._whole(self.inner.feed(bands, self._fine(f0, bands.shape[-1])), last=False)

    def flush(self) -> Wave:
        """Return the rest; raises `MelError` where nothing was fed."""
        if self.last is None:
            raise MelError("the mel ended before it began: feed at least one frame")
        bands = self.bands.feed(self.last, last=True)
        first = self.inner.feed(bands, self._fine(None, bands.shape[-1]))
        return self._whole(torch.cat([first, self.inner.flush()], dim=-1), last=True)

    def _fine(self, f0: F0 | None, wanted: int) -> FineF0 | None:
        """The given f0 at the next fine frames; what the mel is not ready for waits."""
        if f0 is not None:
            fine = f0.repeat_interleave(self.bands.bands.parts, dim=1)
            self.f0 = fine if self.f0 is None else torch.cat([self.f0, fine], dim=1)
        if self.f0 is None:
            return None
        out, self.f0 = self.f0[:, :wanted], self.f0[:, wanted:]
        return out

    def _whole(self, wave: Wave, *, last: bool) -> Float[Tensor, "1 whole"]:
        wave = wave if self.rest is None else torch.cat([self.rest, wave], dim=-1)
        end = wave.shape[-1] if last else wave.shape[-1] // self.hop_length * self.hop_length
        self.rest = wave[:, end:]
        return wave[:, :end]
