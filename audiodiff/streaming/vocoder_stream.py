"""A vocoder's stream, as `Vocoder.stream` returns it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch

from audiodiff.defaults import on_processor
from audiodiff.errors import StreamError
from audiodiff.streaming.foreign_arrays import AnyArray, ArrayKind, Form
from audiodiff.streaming.given_pitch import GivenPitch, source_filter_of
from audiodiff.streaming.inputs import checked_f0
from audiodiff.streaming.model_stream import ModelStream
from audiodiff.types import Mel, Samples

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
        checked: Callable[[object], Mel],
        precision: Callable[[], AbstractContextManager[object]],
        pitch: GivenPitch | None = None,
    ) -> None:
        self._stream, self._checked, self._precision, self._pitch = stream, checked, precision, pitch
        self._over, self._form = False, Form(numpy=False, batched=False)

    @property
    def latency(self) -> Samples:
        """Distance by which the mel must have been fed ahead of the samples that are returned, at most."""
        return self._stream.lag * self._stream.model.mel.hop_length

    @on_processor()
    def feed(self, mel: ArrayKind, f0: AnyArray | None = None) -> ArrayKind:
        """Take the next frames, return the samples that are finished by then: none at first.

        A tensor is answered by a tensor, a NumPy array by a NumPy array; [1, n_mels, frames] by [1, samples].

        `f0` in hertz, 0 where unvoiced, replaces the mel's own, always or never. Raises `MelError` for an unusable mel
        or f0, which leaves the stream as it was, `ConfigError` for f0 where it cannot be given, `StreamError` after
        `flush` or where f0 is given now and then.
        """
        if self._over:
            raise StreamError("the stream was flushed, its waveform is complete: begin another one for another mel")
        batch = self._checked(mel)
        self._take(f0, batch)
        self._form = Form.of(mel, 2)
        with torch.inference_mode(), self._precision():
            waves = [self._stream.feed(piece) for piece in batch.split(_TILE, dim=-1)]
        return self._form.restore(torch.cat(waves, dim=-1))

    def _take(self, f0: AnyArray | None, mel: Mel) -> None:
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

    @on_processor()
    def flush(self) -> Any:  # noqa: ANN401 (of the kind that was fed)
        """Return the rest of the waveform, in the kind that was fed; raises `StreamError` if there is none."""
        if self._over or not self._stream.mel.end:
            raise StreamError(
                "the stream was flushed before" if self._over else "the stream was fed nothing: feed a mel, then flush"
            )
        self._over = True
        with torch.inference_mode(), self._precision():
            rest = self._stream.flush()
        return self._form.restore(rest)
