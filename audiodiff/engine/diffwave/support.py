"""Support of a network by the ways to run it fast: tile by tile, by the kernel in C, by the Triton kernel."""

from collections.abc import Callable, Iterator
from typing import Literal

import torch

from audiodiff.engine.precision import capabilities
from audiodiff.networks.diffwave import DiffWave
from audiodiff.networks.upsampling import MelUpsampler

Way = Literal["tiles", "c", "triton"]
TRITON_CHANNELS = (16, 32, 64, 128)
"""For which the block's accumulators stay in registers; a product has at least 16 columns, and powers of two only."""
VECTOR = 16
"""Floats in the longest vectors of a processor, in panels of which the kernel in C multiplies."""


def supports(network: DiffWave, way: Way, dtype: torch.dtype = torch.float32) -> str | None:
    """The reason why a way to run a network, with products of `dtype`, is closed to it; None where it is open."""
    return next(REASONS[way](network, dtype), None)


def _tiles(network: DiffWave, dtype: torch.dtype) -> Iterator[str]:
    if network.reflects:
        yield "its convolutions reflect the signal at both ends"
    if network.patch > 1:
        yield f"{network.patch} samples share a place of its convolutions"
    if network.constraint is not None:
        yield "it keeps to the mel at last"
    if network.from_v is not None:
        yield "its output follows from v"
    if network.whitening is not None:
        yield "it whitens the signal by the mel's envelope"


def _c(network: DiffWave, dtype: torch.dtype) -> Iterator[str]:
    weight = network.input.weight
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        yield f"its weights are {weight.dtype} on {weight.device}, not torch.float32 on a processor"
    if dtype not in (torch.float32, torch.bfloat16):
        yield f"there is no kernel for products in {dtype}"
    if dtype == torch.bfloat16 and not capabilities().get("avx512_bf16", False):
        yield "this processor has no instructions for products in bfloat16"
    if network.input.out_channels % VECTOR:
        yield f"it has {network.input.out_channels} channels, not a multiple of {VECTOR}"


def _triton(network: DiffWave, dtype: torch.dtype) -> Iterator[str]:
    yield from _tiles(network, dtype)
    if network.clip is not None:
        yield "it is told labels, speakers or embeddings of whole clips"
    if not isinstance(network.upsampler, MelUpsampler | None):
        yield "every block stretches the mel for itself"
    if network.input.out_channels not in TRITON_CHANNELS:
        yield f"it has {network.input.out_channels} channels, not one of {', '.join(map(str, TRITON_CHANNELS))}"
    if network.input.weight.dtype != torch.float32:
        yield f"its weights are {network.input.weight.dtype}, not float32"


REASONS: dict[Way, Callable[[DiffWave, torch.dtype], Iterator[str]]] = {"tiles": _tiles, "c": _c, "triton": _triton}
