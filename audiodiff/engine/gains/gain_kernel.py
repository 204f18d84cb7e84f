"""The function that a `SpectralGainNetwork` is of a block of frames, in C, compiled when it is first wanted."""

import ctypes
from collections.abc import Sequence
from ctypes import c_float, c_int, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.engine.c_library import compiled_library, function_of
from audiodiff.engine.c_panels import filled, panels
from audiodiff.networks import SpectralGainNetwork
from audiodiff.networks.keep_to_mel import LEAST_POWER
from audiodiff.networks.packed_stack import bias_of
from audiodiff.networks.spectral_gains import FAINT_MAGNITUDE

_WINOGRAD = torch.tensor(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], dtype=torch.float64, device="cpu"
).div(24)
"""Transform of three weights for four values (Lavin and Gray 2016)."""

_Step = Float[Tensor, " channels"]


@dataclass(frozen=True, eq=False)
class PackedGains:
    """A network's weights as `winograd.h` wants them: in panels of a vector's outputs, filled up with zeros.

    `first`, and each of `weights`, is [36, channels / wide, inputs, wide]; `last` is [outputs / wide, channels, wide].
    """

    first: Tensor
    first_bias: Tensor
    weights: Tensor
    biases: Tensor
    last: Tensor
    last_bias: Tensor
    outputs: int

    @classmethod
    def of(cls, network: SpectralGainNetwork, wide: int) -> "PackedGains":
        """Rearrange the weights for vectors of `wide` floats."""
        layers = [layer for layer in network.layers if isinstance(layer, nn.Conv2d)]
        return cls(
            first=_transformed(network.input, wide, network.input.in_channels),
            first_bias=filled(bias_of(network.input), wide),
            weights=_stacked([_transformed(layer, wide, _next(layer.in_channels, wide)) for layer in layers]),
            biases=_stacked([filled(bias_of(layer), wide) for layer in layers]),
            last=_panels(network.output.weight.flatten(1).T, wide, _next(network.output.in_channels, wide)),
            last_bias=filled(bias_of(network.output), wide),
            outputs=network.output.out_channels,
        )


class _Spectra(ctypes.Structure):
    """The arguments of `planes.h`."""

    _fields_ = [
        *((name, c_int64) for name in ("frames", "bins", "filled", "own")),
        *((name, c_void_p) for name in ("mean", "residual", "envelope", "scale", "advance", "place", "found")),
        *((name, c_float) for name in ("faint", "least_energy", "kept")),
    ]


class _Stack(ctypes.Structure):
    """The arguments of `winograd.h`."""

    _fields_ = [
        *((name, c_int64) for name in ("frames", "places", "inputs", "channels", "layers", "outputs")),
        *((name, c_void_p) for name in ("step", "first", "first_bias", "weights", "biases", "last", "last_bias")),
        *((name, c_void_p) for name in ("now", "next")),
    ]


class GainKernel:
    """The function, compiled; may be called from many threads. `wide` floats fit a vector."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.wide = c_int.in_dll(library, "gains_wide").value
        self._found = function_of(library, "gains_found", c_void_p, c_void_p, c_int)

    def found(
        self, network: SpectralGainNetwork, weights: PackedGains, step: _Step, kept: float, *rows: Tensor
    ) -> Tensor:
        """The spectrum that the network's `found` says of one item; spectra, envelope and scale are [frames, bins]."""
        found = torch.empty_like(rows[0], memory_format=torch.contiguous_format)
        self.write(found, network, weights, step, kept, *(row.contiguous() for row in rows))
        return found

    def write(
        self,
        found: Tensor,
        network: SpectralGainNetwork,
        weights: PackedGains,
        step: _Step,
        kept: float,
        *rows: Tensor,
    ) -> None:
        """Write it; all arrays are contiguous."""
        relative, together = network.relative, network.together
        frames, bins = rows[2].shape
        whole, step = _next(bins, together), filled(step, self.wide)
        arrays = *rows, relative.advance, relative.place, found
        limits = FAINT_MAGNITUDE, LEAST_POWER, kept
        spectra = _Spectra(frames, bins, whole, relative.place.shape[1], *_pointers(arrays), *limits)
        channels, layers = len(weights.first_bias), len(weights.weights)
        shape = frames, whole // together, together * relative.planes, channels, layers, weights.outputs
        between = found.new_empty(2, frames, whole // together, channels) if layers > 1 else found.new_empty(2, 0)
        arrays = step, weights.first, weights.first_bias, weights.weights, weights.biases, weights.last
        stack = _Stack(*shape, *_pointers((*arrays, weights.last_bias, *between)))
        self._found(ctypes.byref(spectra), ctypes.byref(stack), torch.get_num_threads())


def _pointers(arrays: Sequence[Tensor]) -> list[int]:
    return [array.data_ptr() for array in arrays]


@cache
def gain_kernel() -> GainKernel:
    """Compile the function, once in a process; raises `ConfigError` where no C compiler can."""
    return GainKernel(compiled_library(Path(__file__).with_name("gains.c")))


def _transformed(convolution: nn.Conv2d, wide: int, inputs: int) -> Tensor:
    weight = convolution.weight.double()
    transform = _WINOGRAD.to(weight.device)
    tiles = torch.einsum("pr,qs,oirs->pqio", transform, transform, weight)
    return _panels(tiles.flatten(0, 1), wide, inputs).to(convolution.weight)


def _stacked(rows: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(rows)) if rows else torch.empty(0, device="cpu")  # of no layers


def _panels(weights: Tensor, wide: int, inputs: int) -> Tensor:
    """The panels, with so many inputs."""
    return panels(F.pad(weights, (0, 0, 0, inputs - weights.shape[-2])), wide)


def _next(count: int, wide: int) -> int:
    return count + -count % wide
