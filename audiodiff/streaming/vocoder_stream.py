"""A vocoder's stream, as `Vocoder.stream` returns it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.errors import StreamError
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
        checked: Callable[[Tensor], Mel],
        precision: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._stream, self._checked, self._precision = stream, checked, precision
        self._over = False

    @property
    def latency(self) -> Samples:
        """Distance by which the mel must have been fed ahead of the samples that are returned, at most."""
        return self._stream.lag * self._stream.model.mel.hop_length

    @torch.inference_mode()
    def feed(self, mel: Float[Tensor, "n_mels frames"]) -> Float[Tensor, " samples"]:
        """Take the next frames, return the samples that are finished by then: none at first.

        Raises `MelError` for an unusable mel, which leaves the stream as it was, `StreamError` after `flush`.
        """
        if self._over:
            raise StreamError("the stream was flushed, its waveform is complete: begin another one for another mel")
        batch = self._checked(mel)
        with self._precision():
            waves = [self._stream.feed(piece) for piece in batch.split(_TILE, dim=-1)]
        return torch.cat(waves, dim=-1)[0]

    @torch.inference_mode()
    def flush(self) -> Float[Tensor, " samples"]:
        """Return the rest of the waveform; raises `StreamError` if there is none to be had."""
        if self._over or not self._stream.mel.end:
            raise StreamError(
                "the stream was flushed before" if self._over else "the stream was fed nothing: feed a mel, then flush"
            )
        self._over = True
        with self._precision():
            return self._stream.flush()[0]
