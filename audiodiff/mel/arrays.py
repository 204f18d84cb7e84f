"""Mels in the files of numpy, torch and safetensors. Nothing is unpickled."""

import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from audiodiff.audio.atomic import library_writes, written_whole
from audiodiff.errors import AudiodiffError, MelError
from audiodiff.errors.sentences import words_of
from audiodiff.mel.sizes import check_npy, check_npz, check_tensor
from audiodiff.mel.spec import MelSpec

SPEC_KEY = "mel_spec"
MEL_KEYS = ("mel", "feats")


@dataclass(frozen=True)
class Stored:
    """Contents of a file: an array of any shape and type, the spec if the file carries one, and its layout."""

    array: Tensor
    spec: MelSpec | None = None
    frames_first: bool = False


Entries = Iterator[tuple[str, Stored]]
"""The mels of a file by key; the key of a single mel is the name of its file."""


def read_npy(path: Path) -> Entries:
    """A bare numpy array."""
    array = readable(lambda: _npy(path), path)
    if not isinstance(array, np.ndarray):
        raise MelError(f"{path} is an archive of arrays: name it .npz")
    yield path.stem, Stored(as_tensor(array, path))


def _npy(path: Path) -> Any:  # noqa: ANN401 (an array, or an archive under a wrong name)
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            check_npy(file, path.stat().st_size, path)
        return np.load(path, allow_pickle=False)


def read_npz(path: Path) -> Entries:
    """Key `mel` (or `feats`, or the only array), with the spec as JSON text under `mel_spec`."""
    if not zipfile.is_zipfile(path):
        raise MelError(f"{path} is not an archive of arrays, which .npz files are")
    readable(lambda: _check_archive(path), path)
    with path.open("rb") as file, readable(lambda: np.load(file, allow_pickle=False), path) as arrays:
        text = readable(lambda: str(arrays[SPEC_KEY]), path) if SPEC_KEY in arrays else None
        spec = None if text is None else parse_spec(text, path)
        yield path.stem, Stored(as_tensor(readable(lambda: _mel_among(arrays, path), path), path), spec)


def read_pt(path: Path) -> Entries:
    """A tensor saved by torch; nothing else is unpickled."""
    mel = readable(lambda: torch.load(path, map_location="cpu", weights_only=True), path)
    if not isinstance(mel, Tensor):
        raise MelError(f"{path} holds a {type(mel).__name__}; expected one tensor")
    yield path.stem, Stored(readable(lambda: check_tensor(mel, path), path))


def read_safetensors(path: Path) -> Entries:
    """Tensor `mel` (or `feats`, or the only one), with the spec as JSON in the file's metadata."""
    from safetensors import safe_open
    from safetensors.torch import load

    def tensors() -> tuple[str | None, dict[str, Tensor]]:
        if "\ufffd" in os.fsencode(path).decode(errors="replace"):
            content = path.read_bytes()  # safetensors opens no file whose name is not UTF-8
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            return header.get("__metadata__", {}).get(SPEC_KEY), load(content)
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(SPEC_KEY)
            return text, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)

    text, found = readable(tensors, path)
    mel = check_tensor(_mel_among(found, path), path)
    yield path.stem, Stored(mel, parse_spec(text, path) if text else None)


def write_npy(path: Path, stored: Stored) -> None:
    """Write the bare array."""
    with written_whole(path) as scratch, library_writes(path), scratch.open("wb") as file:
        np.save(file, stored.array.numpy())  # to a path that ends in .NPY it would add .npy


def write_npz(path: Path, stored: Stored) -> None:
    """Write `mel` and `mel_spec`."""
    spec = {} if stored.spec is None else {SPEC_KEY: np.array(json.dumps(stored.spec.to_dict()))}
    with written_whole(path) as scratch, library_writes(path), scratch.open("wb") as file:
        np.savez(file, allow_pickle=False, mel=stored.array.numpy(), **spec)


def write_pt(path: Path, stored: Stored) -> None:
    """Write the bare tensor."""
    with written_whole(path) as scratch, library_writes(path):
        torch.save(stored.array, scratch)


def write_safetensors(path: Path, stored: Stored) -> None:
    """Write the tensor `mel`, and the spec into the metadata."""
    from safetensors.torch import save_file

    spec = {} if stored.spec is None else {SPEC_KEY: json.dumps(stored.spec.to_dict())}
    with written_whole(path) as scratch, library_writes(path):
        save_file({"mel": stored.array}, scratch, metadata=spec)


def readable(read: Callable[[], Any], path: Path) -> Any:  # noqa: ANN401 (whatever numpy or torch make of the file)
    """The result of `read`, with any library's complaint turned into a `MelError`."""
    try:
        return read()
    except AudiodiffError:
        raise
    except Exception as error:  # a stranger's file makes numpy, torch and zipfile fail in every way there is
        raise MelError(f"{path} cannot be read as a mel: {words_of(error)}") from error


def as_tensor(array: npt.NDArray[Any], path: Path) -> Tensor:
    """The array as a tensor; text, objects and records are no mel."""
    try:
        return torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ["C", "W"]))
    except TypeError as error:
        raise MelError(f"{path} holds {array.dtype} values; expected floating-point mel values") from error


def parse_spec(text: str, path: Path) -> MelSpec:
    """The spec that a file carries as JSON."""
    try:
        return MelSpec.from_dict(json.loads(text))
    except Exception as error:  # a stranger's values make a constructor fail in every way there is
        raise MelError(f"{path} carries a mel spec that cannot be read: {error}") from error


def _check_archive(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        check_npz(archive, path)


def _mel_among(arrays: Mapping[str, Any], path: Path) -> Any:  # noqa: ANN401 (array or tensor)
    """The mel of a file that may hold several arrays."""
    names = [name for name in arrays if name != SPEC_KEY]
    found = next((name for name in MEL_KEYS if name in names), names[0] if len(names) == 1 else None)
    if found is None:
        raise MelError(f"{path} holds {', '.join(names) or 'nothing'}; expected an array called mel")
    return arrays[found]
