"""f0 in files: a numpy array of one number for each frame, or a text with one on every line."""

from pathlib import Path

import numpy as np
import torch

from audiodiff.errors import InputError
from audiodiff.types import OneF0


def read_f0(path: Path) -> OneF0:
    """The numbers in an .npy or .txt file; raises `InputError` for a file that holds something else."""
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".txt"):
        raise InputError(f"{path} is no f0: expected an .npy or a .txt file")
    try:
        if suffix == ".npy":
            found = np.load(path, allow_pickle=False)
        else:
            lines = path.read_text(encoding="utf-8-sig").splitlines()  # a mark of the order of bytes is no number
            found = np.array([float(line) for line in lines if line.strip()])
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"cannot read an f0 from {path}: {error}") from error
    if found.ndim != 1 or found.dtype.kind not in "fiu":
        raise InputError(f"{path} holds {found.dtype} of shape {found.shape}: expected one number for each frame")
    return torch.from_numpy(found.astype(np.float64))
