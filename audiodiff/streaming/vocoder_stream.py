"""A vocoder's stream, as `Vocoder.stream` returns it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from audiodiff.errors import StreamError
from audiodiff.streaming.given_pitch import GivenPitch, source_filter_of
from audiodiff.streaming.inputs import checked_f0
from audiodiff.streaming.model_stream import ModelStream
from audiodiff.types import Mel, OneF0, OneMel, OneWave, Samples

_TILE = 512
"""Frames that are vocoded at a time, which bounds the memory."""


class VocoderStream:
    """One mel in pieces, one waveform in pieces: `feed` as often as there is something, then `flush` once.

    >>> stream = vocoder.stream(seed=0)
    >>> for chunk in mel_chunks:
    ...     play(stream.feed(chunk))
    >>> play(stream.flush())

    What comes out is, put together, what the vocoder makes of the whole mel, to rounding. A stream belongs to one
    mel and to one thread at a time; a vocoder may have many.
    """

    def __init__(
        self,
        stream: ModelStream,
        checked: Callable[[Tensor], Mel],
        precision: Callable[[], AbstractContextManager[object]],
        pitch: GivenPitch | None = None,
    ) -> None:
        self._stream, self._checked, self._precision, self._pitch = stream, checked, precision, pitch
        self._over = False

    @property
    def latency(self) -> Samples:
        """Distance by which the mel must have been fed ahead of the samples that are returned, at most."""
        return self._stream.lag * self._stream.model.mel.hop_length

    @torch.inference_mode()
    def feed(self, mel: OneMel, f0: OneF0 | None = None) -> OneWave:
        """Take the next frames, return the samples that are finished by then: none at first.

        `f0` in hertz, 0 where unvoiced, replaces the mel's own, always or never. Raises `MelError` for an unusable mel
        or f0, which leaves the stream as it was, `ConfigError` for f0 where it cannot be given, `StreamError` after
        `flush` or where f0 is given now and then.
        """
        if self._over:
            raise StreamError("the stream was flushed, its waveform is complete: begin another one for another mel")
        batch = self._checked(mel)
        self._take(f0, batch)
        with self._precision():
            waves = [self._stream.feed(piece) for piece in batch.split(_TILE, dim=-1)]
        return torch.cat(waves, dim=-1)[0]

    def _take(self, f0: OneF0 | None, mel: Mel) -> None:
        tracks = checked_f0(f0, mel, self._stream.model.mel.sample_rate)
        if self._pitch is None:
            if f0 is not None:
                source_filter_of(self._stream.model)
            return
        if self._stream.mel.end and (f0 is not None) != bool(self._pitch.f0.end):
            raise StreamError(
                "f0 was given for some pieces of this mel and not for others: give it for all, or for none"
            )
        if tracks is not None:
            self._pitch.give(*tracks)

    @torch.inference_mode()
    def flush(self) -> OneWave:
        """Return the rest of the waveform; raises `StreamError` if there is none to be had."""
        if self._over or not self._stream.mel.end:
            raise StreamError(
                "the stream was flushed before" if self._over else "the stream was fed nothing: feed a mel, then flush"
            )
        self._over = True
        with self._precision():
            return self._stream.flush()[0]
