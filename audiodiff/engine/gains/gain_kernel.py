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

_Places = Float[Tensor, "frames places channels"]
_Step = Float[Tensor, " channels"]


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
            first_bias=filled(bias_of(network.input), wide),
            weights=_stacked([_transformed(layer, wide, _next(layer.in_channels, wide)) for layer in layers]),
            biases=_stacked([filled(bias_of(layer), wide) for layer in layers]),
            last=_panels(network.output.weight.flatten(1).T, wide, _next(network.output.in_channels, wide)),
            last_bias=filled(bias_of(network.output), wide),
            outputs=network.output.out_channels,
        )


class _Stack(ctypes.Structure):
    """The arguments of `stack.c`."""

    _fields_ = [
        *((name, c_int64) for name in ("frames", "places", "inputs", "channels", "layers", "outputs")),
        *((name, c_void_p) for name in ("planes", "step", "first", "first_bias", "weights", "biases")),
        *((name, c_void_p) for name in ("last", "last_bias", "now", "next", "said")),
    ]


class _Spectra(ctypes.Structure):
    """The arguments of `planes.c`."""

    _fields_ = [
        *((name, c_int64) for name in ("frames", "bins", "filled", "own")),
        *((name, c_void_p) for name in ("mean", "residual", "envelope", "scale", "advance", "place", "said")),
        *((name, c_void_p) for name in ("planes", "found")),
        *((name, c_float) for name in ("faint", "least_energy", "kept")),
    ]


class GainKernel:
    """The functions, compiled; may be called from many threads. `wide` floats fit a vector."""

    def __init__(self, stack: ctypes.CDLL, planes: ctypes.CDLL) -> None:
        self.wide = c_int.in_dll(stack, "gains_wide").value
        self._stack = function_of(stack, "gains_stack", c_void_p, c_int)
        self._planes = function_of(planes, "gains_planes", c_void_p, c_int)
        self._found = planes.gains_found
        self._found.argtypes, self._found.restype = [c_void_p, c_int], None

    def found(
        self, network: SpectralGainNetwork, weights: PackedGains, step: _Step, kept: float, *rows: Tensor
    ) -> Tensor:
        """The spectrum that the network's `found` says of one item; spectra, envelope and scale are [frames, bins]."""
        relative, together = network.relative, network.together
        mean, residual, envelope, scale = (row.contiguous() for row in rows)
        frames, bins = envelope.shape
        whole = _next(bins, together)
        planes = envelope.new_empty(frames, whole // together, together * relative.planes)
        said = planes.new_empty(frames, whole // together, weights.outputs)
        found = torch.empty_like(mean)
        shape = frames, bins, whole, relative.place.shape[1]
        arrays = mean, residual, envelope, scale, relative.advance, relative.place, said, planes, found
        limits = FAINT_MAGNITUDE, LEAST_POWER, kept
        spectra = _Spectra(*shape, *(array.data_ptr() for array in arrays), *limits)
        self._planes(ctypes.byref(spectra), torch.get_num_threads())
        self.said(weights, planes, step, said)
        self._found(ctypes.byref(spectra), torch.get_num_threads())
        return found

    def said(self, weights: PackedGains, planes: _Places, step: _Step, said: _Places) -> None:
        """Write the output of the convolutions [frames, places, outputs] to `said`; all arrays are contiguous."""
        (frames, places, inputs), channels = planes.shape, len(weights.first_bias)
        step = filled(step, self.wide)
        now, after = planes.new_empty(2, frames, places, channels)
        shape = frames, places, inputs, channels, len(weights.weights), weights.outputs
        arrays = planes, step, weights.first, weights.first_bias, weights.weights, weights.biases
        arrays += weights.last, weights.last_bias, now, after, said
        stack = _Stack(*shape, *(array.data_ptr() for array in arrays))
        self._stack(ctypes.byref(stack), torch.get_num_threads())


@cache
def gain_kernel() -> GainKernel:
    """Compile the functions, once in a process; raises `ConfigError` where no C compiler can."""
    return GainKernel(*(compiled_library(Path(__file__).with_name(name)) for name in ("stack.c", "planes.c")))


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
