"""Sizes that mel files declare, checked before memory is asked for: a small file can claim terabytes."""

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from audiodiff.errors import MelError

LARGEST_MEL = 4 << 30
"""Bytes of one mel: at 80 bands and 86 frames per second that is 43 hours."""
_KINDS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_size(n_bytes: int, path: Path) -> None:
    """Raise `MelError` for more than a mel can have."""
    if n_bytes > LARGEST_MEL:
        raise MelError(f"{path} declares a mel of {n_bytes} bytes: at most {LARGEST_MEL} are read")


def check_npy(file: IO[bytes], n_bytes: int, path: Path) -> None:
    """Compare what the header of an .npy stream declares with the `n_bytes` that the stream has; then rewind."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    declared = math.prod(shape) * dtype.itemsize
    if declared > n_bytes:
        raise MelError(f"{path} is cut short or damaged: it declares {declared} bytes, {n_bytes} are there")
    check_size(declared, path)
    file.seek(0)


def check_npz(archive: zipfile.ZipFile, path: Path) -> None:
    """The same for every array in an archive."""
    for item in archive.infolist():
        check_size(item.file_size, path)
        with archive.open(item) as file:
            check_npy(file, item.file_size, path)


def check_tensor(mel: Tensor, path: Path) -> Tensor:
    """The tensor of a .pt file if it is a plain one, with no more values than a mel can have."""
    plain = mel.layout == torch.strided and not mel.is_nested and not mel.is_quantized and mel.device.type == "cpu"
    if not plain:
        kind = "nested" if mel.is_nested else "quantized" if mel.is_quantized else f"{mel.layout} on {mel.device}"
        raise MelError(f"{path} holds a tensor that is {kind}; expected a plain one on the CPU".replace("torch.", ""))
    if mel.is_floating_point() and mel.dtype not in _KINDS:
        kind = str(mel.dtype).removeprefix("torch.")
        raise MelError(f"{path} holds {kind} values; expected floating-point mel values of 16 to 64 bits")
    check_size(mel.numel() * mel.element_size(), path)
    if mel.numel() * mel.element_size() > max(mel.untyped_storage().nbytes(), 1):
        raise MelError(f"{path} holds a tensor that repeats its values in place of storing them: save a copy of it")
    return mel.detach()
