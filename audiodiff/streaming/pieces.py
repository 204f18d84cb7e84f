"""One mel in pieces: streams, and how much of the work is done."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from audiodiff.diffusion import Sampler, Times
from audiodiff.models.diffusion_model import DiffusionModel, LocalPrior
from audiodiff.streaming.model_stream import AddressedNoise, ModelStream
from audiodiff.streaming.tiled_stream import Tileable, TiledStream
from audiodiff.types import Mel, Wave

Progress = Callable[[float], None]
"""Called with the share of the work that is done, from 0 to 1."""


def silent(share: float) -> None:
    """Tell nobody."""


def in_pieces(
    model: DiffusionModel,
    mel: Mel,
    *,
    sampler: Sampler,
    times: Times,
    noise: Sequence[AddressedNoise],
    every_step: bool = False,
    progress: Progress = silent,
) -> list[Wave]:
    """One mel after the other through a stream; the waveforms [batch, samples] after each step, or the last alone."""
    items: list[Tensor] = []
    for index, (item, white) in enumerate(zip(mel.split(1), noise, strict=True)):
        stream = open_stream(model, sampler=sampler, times=times, noise=white, every_step=every_step)
        part, parts = share_of(progress, index, len(mel)), []
        for piece in item.split(stream.piece, dim=-1):
            parts.append(stream.feed(piece))
            part(stream.finished / item.shape[-1])
        parts.append(stream.flush())
        part(1.0)
        items.append(torch.cat(parts, dim=-1))
    return list(torch.stack(items, dim=1))


def open_stream(
    model: DiffusionModel,
    *,
    sampler: Sampler,
    times: Times,
    noise: AddressedNoise,
    every_step: bool = False,
    live: bool = False,
) -> ModelStream:
    """Begin with one mel that comes in pieces: tile by tile, if the network can here and now."""
    network = model.denoiser.network
    if isinstance(network, Tileable) and network.tiles:
        return TiledStream(model, network, sampler=sampler, times=times, noise=noise, every_step=every_step, live=live)
    return ModelStream(model, sampler=sampler, times=times, noise=noise, every_step=every_step)


def share_of(progress: Progress, index: int, n: int, parts: int = 1) -> Progress:
    """The progress of one of `n` equal parts, or of some of them together."""
    return lambda share: progress((index + parts * share) / n)


def tiles(model: DiffusionModel) -> bool:
    """Check whether the network works tile by tile here and now."""
    network = model.denoiser.network
    return isinstance(network, Tileable) and network.tiles and isinstance(model.prior, LocalPrior)
