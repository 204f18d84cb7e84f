"""The block in C, compiled when it is first wanted."""

import ctypes
from ctypes import c_int, c_int64, c_void_p
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from audiodiff.engine.c_library import compiled_library
from audiodiff.engine.diffwave.mel_projection import Begin
from audiodiff.engine.diffwave.packed_weights import PackedBlock, PackedWeights
from audiodiff.engine.diffwave.window import State
from audiodiff.types import Samples


class Kernel:
    """The block with factors of `dtype`, compiled; may be called from many threads. `wide` floats fit a vector."""

    def __init__(self, library: ctypes.CDLL, dtype: torch.dtype) -> None:
        self.dtype, self.wide = dtype, c_int.in_dll(library, "diffwave_wide").value
        self._block = library.diffwave_block
        self._block.argtypes = [c_int64, c_int64, c_int64, *[c_void_p] * 7, c_int]
        self._block.restype = None

    def __call__(self, rows: Samples, dilation: Samples, channels: int, *tensors: Tensor | None) -> None:
        """Run it on as many threads as torch has; the tensors are those of `block.c`, None is NULL there."""
        addresses = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
        self._block(rows, dilation, channels, *addresses, torch.get_num_threads())


@cache
def compiled_kernel(dtype: torch.dtype) -> Kernel:
    """Compile the block, once in a process; raises `ConfigError` where no C compiler can."""
    few = ["-DBFLOAT16"] if dtype == torch.bfloat16 else []
    return Kernel(compiled_library(Path(__file__).with_name("block.c"), *few), dtype)


@dataclass(frozen=True, eq=False)
class PanelWeights(PackedWeights):
    """`PackedWeights` whose blocks have the factors of taps and output in panels, and the kernel that is for them."""

    kernel: Kernel

    @classmethod
    def of(cls, weights: PackedWeights, kernel: Kernel) -> "PanelWeights":
        """Rearrange weights of the kernel's dtype."""
        n_panels = len(weights.skip) // kernel.wide

        def panels(columns: Tensor) -> Tensor:
            """From [inputs, panels, 2, wide] to [panels, inputs / depth, 2, wide, depth]."""
            depth = 2 if kernel.dtype == torch.bfloat16 else 1
            return columns.unflatten(0, (-1, depth)).permute(2, 0, 3, 4, 1).contiguous()

        blocks = [
            replace(
                block,
                taps=panels(block.taps.flatten(end_dim=1).unflatten(1, (2, n_panels, -1)).transpose(1, 2)),
                output=panels(block.output.unflatten(1, (n_panels, 2, -1))),
            )
            for block in weights.blocks
        ]
        return cls(**{**vars(weights), "blocks": blocks}, kernel=kernel)


class CompiledBlock:
    """Factors of the kernel's dtype, all else in float32 and in registers; an instance belongs to one thread."""

    def __init__(self, kernel: Kernel, channels: int, rows: Samples, widest: Samples) -> None:
        self._kernel = kernel
        self._x = torch.empty(rows + 2 * widest, channels, dtype=kernel.dtype, device="cpu")
        self._mel = torch.empty(rows, 2 * channels, dtype=kernel.dtype, device="cpu")

    def __call__(self, block: PackedBlock, bias: Tensor, begin: Begin | None, seen: State, out: State) -> None:
        """Write the next block's rows to `out`."""
        n, channels = len(out), self._x.shape[1]
        mel = None if begin is None else begin(self._mel[:n])
        self._kernel(n, block.dilation, channels, seen, mel, bias, block.taps, block.output, self._x, out)
