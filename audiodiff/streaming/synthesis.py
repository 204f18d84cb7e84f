"""Mels that are there already, each in the fastest way whose memory is bounded."""

from collections.abc import Sequence

import torch

from audiodiff.diffusion import Sampler, Times
from audiodiff.models.diffusion_model import DiffusionModel, LocalPrior
from audiodiff.noise import SampleNoise
from audiodiff.streaming.model_stream import AddressedNoise, ModelStream
from audiodiff.streaming.replay import PointwiseError
from audiodiff.streaming.tiled_stream import Tileable, TiledStream
from audiodiff.types import Mel, Wave

LONG = 1024
"""Frames up to which a mel may be vocoded in one piece; longer ones are streamed, to bound the memory."""


def vocoded(model: DiffusionModel, mel: Mel, *, sampler: Sampler, times: Times, noise: Sequence[SampleNoise]) -> Wave:
    """What `model.generate` makes of the mels, with noise for each.

    Raises `ConfigError` where a mel is long and prior, network or sampler cannot be had in pieces.
    """
    network = model.denoiser.network
    tiles = isinstance(network, Tileable) and network.tiles and isinstance(model.prior, LocalPrior)
    long = mel.shape[-1] > LONG
    if tiles or long:
        try:
            return in_pieces(model, mel, sampler=sampler, times=times, noise=noise)
        except PointwiseError:
            if long:
                raise
    together = SampleNoise([seed for one in noise for seed in one.seeds])
    return model.generate(mel, sampler=sampler, times=times, noise=together)


def in_pieces(
    model: DiffusionModel, mel: Mel, *, sampler: Sampler, times: Times, noise: Sequence[AddressedNoise]
) -> Wave:
    """One mel after the other through a stream."""
    network, waves = model.denoiser.network, []
    for item, white in zip(mel.split(1), noise, strict=True):
        if isinstance(network, Tileable) and network.tiles:
            stream = TiledStream(model, network, sampler=sampler, times=times, noise=white)
        else:
            stream = ModelStream(model, sampler=sampler, times=times, noise=white)
        waves.append(torch.cat([*map(stream.feed, item.split(LONG, dim=-1)), stream.flush()], dim=-1))
    return torch.cat(waves)
