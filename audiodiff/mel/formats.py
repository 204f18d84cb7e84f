"""The file formats of mels by suffix."""

from collections.abc import Callable, Mapping
from pathlib import Path

from audiodiff.mel.archives import read_ark, read_hdf5, read_scp, write_ark, write_hdf5
from audiodiff.mel.arrays import (
    Entries,
    Stored,
    read_npy,
    read_npz,
    read_pt,
    read_safetensors,
    write_npy,
    write_npz,
    write_pt,
    write_safetensors,
)

READERS: Mapping[str, Callable[[Path], Entries]] = {
    ".safetensors": read_safetensors,
    ".npz": read_npz,
    ".npy": read_npy,
    ".pt": read_pt,
    ".pth": read_pt,
    ".mel": read_pt,
    ".ark": read_ark,
    ".scp": read_scp,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
}
WRITERS: Mapping[str, Callable[[Path, Stored], None]] = {
    ".safetensors": write_safetensors,
    ".npz": write_npz,
    ".h5": write_hdf5,
    ".npy": write_npy,
    ".pt": write_pt,
    ".ark": write_ark,
}
CARRIERS = frozenset({".safetensors", ".npz", ".h5"})
"""Formats in which a mel takes its spec along."""
