"""The mel of a waveform that comes in blocks, in memory that does not grow with its length."""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from audiodiff.audio.framing import edge_padding
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.spec import MelSpec
from audiodiff.types import OneMel, Samples


def whole_frames(spec: MelSpec, n_samples: Samples) -> int:
    """Number of frames that a waveform has of every hop that is whole."""
    return min(n_samples // spec.hop_length, spec.frames_of(n_samples))


@torch.no_grad()
def mel_blocks(
    spec: MelSpec, waves: Iterable[Float[Tensor, " samples"]], frames_at_once: int = 512
) -> Iterator[OneMel]:
    """Yield the mel of the blocks as one waveform, `whole_frames` of it, `frames_at_once` at a time.

    Raises `AudioError` as `MelSpectrogram` does.
    """
    front_end, hop, n_fft = MelSpectrogram(spec), spec.hop_length, spec.n_fft
    padding = edge_padding(n_fft, hop, spec.framing)
    margin = padding + 1  # of what was used already, for the reflection at the end
    span = (frames_at_once - 1) * hop + n_fft
    enough = span + max(margin, hop)  # so that the last frame of all, which may be another one, is left
    buffer, begun = torch.zeros(1, 0), False
    offset = done = n_samples = 0
    for wave in waves:
        n_samples += len(wave)
        buffer = torch.cat([buffer, wave[None].float()], dim=1)
        if not begun and buffer.shape[1] > enough:
            buffer, begun = F.pad(buffer, (padding, 0), mode=spec.pad_mode), True
        while begun and buffer.shape[1] - offset > enough:
            yield _values(front_end, buffer[:, offset : offset + span])
            done, offset = done + frames_at_once, offset + frames_at_once * hop
            cut = max(0, offset - margin)
            buffer, offset = buffer[:, cut:], offset - cut
    if not begun:
        rest = front_end(buffer)[0]
    else:
        buffer = F.pad(buffer, (0, padding), mode=spec.pad_mode)[:, offset:]
        rest = front_end.compression.ended(_values(front_end, buffer))
    rest = rest[:, : whole_frames(spec, n_samples) - done]
    yield from (piece for piece in rest.split(frames_at_once, dim=1) if piece.shape[1])


def _values(front_end: MelSpectrogram, padded: Float[Tensor, "1 samples"]) -> OneMel:
    bands = front_end.filters @ front_end.magnitude(front_end.transform(padded))
    return front_end.compression.of_frames(bands)[0]
