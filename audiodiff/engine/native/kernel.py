"""The block in C, compiled by the compiler at hand when it is first wanted; nothing of it is left on the disk."""

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
from ctypes import c_int, c_int64, c_void_p
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from audiodiff.engine.precision import capabilities
from audiodiff.errors import ConfigError
from audiodiff.networks.diffwave import DiffWave

SOURCE = Path(__file__).with_name("block.c")
OPTIONS = ["-O3", "-shared", "-fPIC", "-fopenmp"]
INSTRUCTIONS = ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512bf16"]
WIDE = 16
"""Channels in one register."""


class Kernel:
    """The compiled block; may be called from many threads."""

    def __init__(self, library: Path) -> None:
        self._block = ctypes.CDLL(str(library)).diffwave_block
        self._block.argtypes = [c_int64, c_int64, c_int64, *[c_void_p] * 7, c_int]
        self._block.restype = None

    def __call__(self, rows: int, dilation: int, channels: int, *tensors: Tensor | None) -> None:
        """Run it on the threads that torch has; the tensors are those of `block.c`, None is NULL there."""
        addresses = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
        self._block(rows, dilation, channels, *addresses, torch.get_num_threads())


def suits(network: DiffWave) -> bool:
    """Whether there is a kernel for this network on this processor."""
    weight = network.input.weight
    here = weight.device.type == "cpu" and weight.dtype == torch.float32 and capabilities().get("avx512_bf16", False)
    return here and network.input.out_channels % WIDE == 0


@cache
def compiled_kernel() -> Kernel:
    """Compile the block, once in a process; raises `ConfigError` where no C compiler can."""
    with tempfile.TemporaryDirectory(prefix="audiodiff-") as folder:
        library = Path(folder) / "block.so"
        command = [*_compiler(), *OPTIONS, *INSTRUCTIONS, str(SOURCE), "-o", str(library)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except OSError as error:
            raise ConfigError(f"cannot compile the engine: {command[0]} is not there or cannot be run") from error
        except subprocess.CalledProcessError as error:
            said = error.stderr.strip().splitlines()
            raise ConfigError(f"cannot compile the engine: {shlex.join(command)} says {said[:1]}") from error
        return Kernel(library)


def _compiler() -> list[str]:
    """That of the environment's CC, or the first that is usual."""
    if named := shlex.split(os.environ.get("CC", "")):
        return named
    found = next(filter(None, map(shutil.which, ("gcc", "cc", "clang"))), None)
    if found is None:
        raise ConfigError("compile() needs a C compiler for bf16 on this processor: install gcc, or name one in CC")
    return [found]
