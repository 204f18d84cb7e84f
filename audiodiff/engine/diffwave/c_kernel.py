"""The block in C, compiled by the compiler at hand when it is first wanted; nothing of it is left on the disk."""

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
from ctypes import c_int, c_int64, c_void_p
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from audiodiff.engine.diffwave.mel_projection import Begin
from audiodiff.engine.diffwave.packed_weights import PackedBlock, PackedWeights
from audiodiff.engine.diffwave.window import State
from audiodiff.errors import ConfigError
from audiodiff.types import Samples

SOURCE = Path(__file__).with_name("block.c")
OPTIONS = ("-O3", "-march=native", "-fopenmp", "-shared", "-fPIC")


class Kernel:
    """The block with factors of `dtype`, compiled; may be called from many threads. `wide` floats fit a vector."""

    def __init__(self, library: Path, dtype: torch.dtype) -> None:
        loaded = ctypes.CDLL(str(library))
        self.dtype, self.wide = dtype, c_int.in_dll(loaded, "diffwave_wide").value
        self._block = loaded.diffwave_block
        self._block.argtypes = [c_int64, c_int64, c_int64, *[c_void_p] * 7, c_int]
        self._block.restype = None

    def __call__(self, rows: Samples, dilation: Samples, channels: int, *tensors: Tensor | None) -> None:
        """Run it on as many threads as torch has; the tensors are those of `block.c`, None is NULL there."""
        addresses = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
        self._block(rows, dilation, channels, *addresses, torch.get_num_threads())


@cache
def compiled_kernel(dtype: torch.dtype) -> Kernel:
    """Compile the block, once in a process; raises `ConfigError` where no C compiler can."""
    with tempfile.TemporaryDirectory(prefix="audiodiff-") as folder:
        library = Path(folder) / "block.so"
        few = ["-DBFLOAT16"] if dtype == torch.bfloat16 else []
        command = [*_compiler(), *OPTIONS, *few, str(SOURCE), "-o", str(library)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except OSError as error:
            raise ConfigError(f"cannot compile the engine: {command[0]} is not there or cannot be run") from error
        except subprocess.CalledProcessError as error:
            said = next(iter(error.stderr.strip().splitlines()), "nothing")
            raise ConfigError(f"cannot compile the engine: {shlex.join(command)} says: {said}") from error
        return Kernel(library, dtype)


def _compiler() -> list[str]:
    """The compiler of the environment's CC, or the first that is usual."""
    if named := shlex.split(os.environ.get("CC", "")):
        return named
    found = next(filter(None, map(shutil.which, ("gcc", "cc", "clang"))), None)
    if found is None:
        raise ConfigError("compile() needs a C compiler for a DiffWave: install gcc, name one in CC, or go without it")
    return [found]


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
        self._x = torch.empty(rows + 2 * widest, channels, dtype=kernel.dtype)
        self._mel = torch.empty(rows, 2 * channels, dtype=kernel.dtype)

    def __call__(self, block: PackedBlock, bias: Tensor, begin: Begin | None, seen: State, out: State) -> None:
        """Write the next block's rows to `out`."""
        n, channels = len(out), self._x.shape[1]
        mel = None if begin is None else begin(self._mel[:n])
        self._kernel(n, block.dilation, channels, seen, mel, bias, block.taps, block.output, self._x, out)
