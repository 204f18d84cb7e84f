"""Mels in the archives of other toolkits: Kaldi's ark and scp, and HDF5. All of them store frames before bands.

Kaldi's own readers run what a .scp file names as a command, and kaldiio unpickles archives that ask for it. Both are
ways to run a stranger's code, so only matrices in plain files are read here.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from audiodiff.audio.atomic import library_writes, written_whole
from audiodiff.errors import MelError
from audiodiff.mel.arrays import MEL_KEYS, SPEC_KEY, Entries, Stored, as_tensor, parse_spec, readable
from audiodiff.mel.sizes import check_size


def read_ark(path: Path) -> Entries:
    """Every matrix of a Kaldi archive, binary, compressed or text."""
    from kaldiio.matio import read_token

    with path.open("rb") as file:
        while (key := readable(lambda: read_token(file), path)) is not None:
            yield key, Stored(as_tensor(readable(lambda: _matrix(file), path), path), frames_first=True)


def read_scp(path: Path) -> Entries:
    """Every matrix that a Kaldi index names, as `key file.ark:offset`."""
    for key, location in _index(path):
        name, _, offset = location.rpartition(":")
        archive = Path(name if offset.isdigit() else location)
        if not archive.is_file():
            raise MelError(f"{path} names {archive} for {key}, which is not a file")
        with archive.open("rb") as file:
            file.seek(int(offset) if offset.isdigit() else 0)
            yield key, Stored(as_tensor(readable(lambda file=file: _matrix(file), archive), archive), frames_first=True)


def read_hdf5(path: Path) -> Entries:
    """Dataset `feats` (ParallelWaveGAN) or `mel`, else every matrix at the top (ESPnet), with the spec if any."""
    import h5py

    with readable(lambda: h5py.File(path, "r"), path) as file:
        text = readable(lambda: file.attrs.get(SPEC_KEY), path)
        spec = parse_spec(str(text), path) if text is not None else None
        single = next((key for key in MEL_KEYS if readable(lambda key=key: key in file, path)), None)
        for key in [single] if single else readable(lambda: _matrices(file), path):
            array = np.asarray(readable(lambda key=key: _dataset(file, key, path), path))
            yield path.stem if single else key, Stored(as_tensor(array, path), spec, frames_first=True)


def _dataset(file: Mapping[str, Any], key: str, path: Path) -> npt.NDArray[Any]:
    """The values of a dataset that is a mel by its rank and size; HDF5 inflates what is compressed."""
    item = file[key]
    if not hasattr(item, "nbytes"):
        raise MelError(f"{path} has a group called {key}; expected a matrix of that name")
    check_size(item.nbytes, path)
    return item[()]


def write_ark(path: Path, stored: Stored) -> None:
    """Write a Kaldi archive of one matrix, whose key is the file's name."""
    import kaldiio

    with written_whole(path) as scratch, library_writes(path):
        kaldiio.save_ark(str(scratch), {path.stem: stored.array.T.numpy()})


def write_hdf5(path: Path, stored: Stored) -> None:
    """Write `feats` as ParallelWaveGAN does, and the spec as an attribute."""
    import h5py

    with written_whole(path) as scratch, library_writes(path), h5py.File(scratch, "w", locking=False) as file:
        file["feats"] = stored.array.T.numpy()
        if stored.spec is not None:
            file.attrs[SPEC_KEY] = json.dumps(stored.spec.to_dict())


def _matrix(file: BinaryIO) -> npt.NDArray[Any]:
    """The matrix that begins here; anything else that an archive may hold is refused."""
    from kaldiio.matio import read_ascii_mat, read_matrix_or_vector

    start = file.read(3)
    file.seek(-len(start), 1)
    if start[:2] == b"\0B" and start[2:] in (b"F", b"D", b"C"):
        return np.asarray(read_matrix_or_vector(file))
    if start.strip()[:1] == b"[":
        return np.asarray(read_ascii_mat(file))
    raise MelError(f"{file.name} holds something else than Kaldi matrices (it begins with {start!r})")


def _index(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a .scp file."""
    for line in readable(lambda: path.read_text(encoding="utf-8"), path).splitlines():
        key, _, location = line.strip().partition(" ")
        if "|" in location:
            raise MelError(f"{path} asks to run a command for {key} ({location.strip()!r}): only plain files are read")
        if not location:
            raise MelError(f"{path} is not a Kaldi index: a line reads {line!r}, expected `key file.ark:offset`")
        yield key, location.strip()


def _matrices(file: Mapping[str, Any]) -> list[str]:
    """The names of all two-dimensional datasets at the top of an HDF5 file."""
    return [key for key, item in file.items() if getattr(item, "ndim", 0) == 2]
