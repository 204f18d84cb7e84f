"""All convolutions of a `SpectralGainNetwork` as one function in C, compiled when it is first wanted."""

import ctypes
from ctypes import c_int, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.engine.c_library import compiled_library
from audiodiff.engine.c_panels import filled, panels
from audiodiff.networks import SpectralGainNetwork

_WINOGRAD = torch.tensor(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], dtype=torch.float64
).div(24)
"""Transform of three weights for four values (Lavin and Gray 2016)."""

_Places = Float[Tensor, "frames places channels"]


@dataclass(frozen=True, eq=False)
class PackedGains:
    """A network's weights as `stack.c` wants them: in panels of a vector's outputs, filled up with zeros.

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
            first_bias=filled(_bias(network.input), wide),
            weights=torch.stack([_transformed(layer, wide, _next(layer.in_channels, wide)) for layer in layers]),
            biases=torch.stack([filled(_bias(layer), wide) for layer in layers]),
            last=_panels(network.output.weight.flatten(1).T, wide, _next(network.output.in_channels, wide)),
            last_bias=filled(_bias(network.output), wide),
            outputs=network.output.out_channels,
        )


class _Stack(ctypes.Structure):
    """The arguments of `stack.c`."""

    _fields_ = [
        *((name, c_int64) for name in ("frames", "places", "inputs", "channels", "layers", "outputs")),
        *((name, c_void_p) for name in ("planes", "step", "first", "first_bias", "weights", "biases")),
        *((name, c_void_p) for name in ("last", "last_bias", "now", "next", "said")),
    ]


class GainKernel:
    """The function, compiled; may be called from many threads. `wide` floats fit a vector."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.wide = c_int.in_dll(library, "gains_wide").value
        self._stack = library.gains_stack
        self._stack.argtypes = [ctypes.POINTER(_Stack), c_int]
        self._stack.restype = None

    def __call__(self, weights: PackedGains, planes: _Places, step: Float[Tensor, " channels"], said: _Places) -> None:
        """Write [frames, places, outputs] to `said`, on as many threads as torch has."""
        (frames, places, inputs), channels = planes.shape, len(weights.first_bias)
        planes, step = planes.contiguous(), filled(step, self.wide)
        now, after = planes.new_empty(2, frames, places, channels)
        shape = frames, places, inputs, channels, len(weights.weights), weights.outputs
        arrays = planes, step, weights.first, weights.first_bias, weights.weights, weights.biases
        arrays += weights.last, weights.last_bias, now, after, said
        stack = _Stack(*shape, *(array.data_ptr() for array in arrays))
        self._stack(ctypes.byref(stack), torch.get_num_threads())


@cache
def gain_kernel() -> GainKernel:
    """Compile the function, once in a process; raises `ConfigError` where no C compiler can."""
    return GainKernel(compiled_library(Path(__file__).with_name("stack.c")))


def _transformed(convolution: nn.Conv2d, wide: int, inputs: int) -> Tensor:
    weight = convolution.weight.double()
    transform = _WINOGRAD.to(weight.device)
    tiles = torch.einsum("pr,qs,oirs->pqio", transform, transform, weight)
    return _panels(tiles.flatten(0, 1), wide, inputs).to(convolution.weight)


def _panels(weights: Tensor, wide: int, inputs: int) -> Tensor:
    """The panels, with so many inputs."""
    return panels(F.pad(weights, (0, 0, 0, inputs - weights.shape[-2])), wide)


def _next(count: int, wide: int) -> int:
    return count + -count % wide


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias
