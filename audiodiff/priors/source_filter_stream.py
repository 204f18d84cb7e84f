"""The mean of a `SourceFilter` prior, for one mel that comes in pieces."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from audiodiff.audio.stft import Stft
from audiodiff.errors import MelError
from audiodiff.source.pulses import PulseGenerator
from audiodiff.types import F0, Mel, Wave


@runtime_checkable
class SourceStream(Protocol):
    """f0 of one mel that comes in pieces."""

    def feed(self, mel: Mel, *, last: bool) -> Float[Tensor, "1 ready"]:
        """Take the next frames [1, n_mels, frames]; return the f0 of those that are ready."""
        ...


@runtime_checkable
class FilterStream(Protocol):
    """Gains for one mel that comes in pieces."""

    def feed(self, mel: Mel, f0: F0, *, last: bool) -> Complex[Tensor, "1 bins ready"]:
        """Take the next frames and their f0; return the gains of the frames that are ready."""
        ...


class SourceFilterStream:
    """Pulses at the f0 of the frames that have come, through the filter's gains; at most `lag` frames late.

    A sample of the mean is made of the frames `around` it, and these of the pulses as far to either side again; the
    pieces of both that later frames need are kept.
    """

    def __init__(
        self, source: SourceStream, filter: FilterStream, generator: PulseGenerator, stft: Stft, *, lag: int
    ) -> None:
        self.source, self.filter, self.generator, self.stft = source, filter, generator, stft
        self.lag, self.around = lag, frames_around(stft)
        self.mel: Mel | None = None
        self.pulses: Wave | None = None
        self.gains: Complex[Tensor, "1 bins frames"] | None = None
        self.dropped = self.written = 0

    def feed(self, mel: Mel, f0: F0 | None = None) -> Wave:
        """Take the next frames [1, n_mels, frames], return the whole hops [1, samples] that are ready.

        With `f0` [1, frames] in hertz that is used instead of the mel's own; always or never.
        """
        return self._feed(mel, f0, last=False)

    def flush(self) -> Wave:
        """Return the rest; raises `MelError` where nothing was fed."""
        if self.mel is None:
            raise MelError("the mel ended before it began: feed at least one frame")
        return self._feed(self.mel[..., :0], None, last=True)

    def _feed(self, mel: Mel, f0: F0 | None, *, last: bool) -> Wave:
        self.mel = mel if self.mel is None else torch.cat([self.mel, mel], dim=-1)
        f0 = self.source.feed(mel, last=last) if f0 is None else f0
        known, self.mel = self.mel[..., : f0.shape[-1]], self.mel[..., f0.shape[-1] :]
        pulses = self.generator.feed(f0[0], last=last).to(mel).unsqueeze(0)
        self.pulses = pulses if self.pulses is None else torch.cat([self.pulses, pulses], dim=-1)
        gains = self.filter.feed(known, f0.to(mel), last=last)
        self.gains = gains if self.gains is None else torch.cat([self.gains, gains], dim=-1)
        return self._filtered(self.pulses, self.gains, last=last)

    def _filtered(
        self, pulses: Wave, gains: Complex[Tensor, "1 bins frames"], *, last: bool
    ) -> Float[Tensor, "1 finished"]:
        """The frames up to those that pulses or gains still to come would change."""
        hop, around = self.stft.hop_length, self.around
        n_pulses = pulses.shape[-1] // hop
        seen = min(n_pulses if last else max(0, n_pulses - around), gains.shape[-1])
        ready = self.dropped + (seen if last else max(0, seen - around))
        if ready <= self.written:
            return pulses[:, :0]
        frames = min(n_pulses, seen + around)
        spectrum = self.stft(pulses[:, : frames * hop])[..., :seen] * gains[..., :seen] / self.stft.noise_magnitude
        wave = self.stft.inverse(spectrum)
        out = wave[:, (self.written - self.dropped) * hop : (ready - self.dropped) * hop]
        self.written = ready
        self._forget(max(0, ready - 2 * around) - self.dropped)
        return out

    def _forget(self, frames: int) -> None:
        """Drop frames that no sample still to come is made of, but for those around them that these are made of."""
        assert self.pulses is not None
        assert self.gains is not None
        self.pulses, self.gains = self.pulses[:, frames * self.stft.hop_length :], self.gains[..., frames:]
        self.dropped += frames


def frames_around(stft: Stft) -> int:
    """Number of hops to either side of its own that a frame sees, and that a sample is made of frames from."""
    return -(-max(stft.left, stft.n_fft - stft.hop_length - stft.left) // stft.hop_length)
