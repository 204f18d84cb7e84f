"""The file formats of mels: one reader and one writer each, by suffix."""

import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from audiodiff.audio.atomic import written_whole
from audiodiff.audio.spec import MelSpec
from audiodiff.errors import ConfigError, MelError

SPEC_KEY = "mel_spec"
MEL_KEYS = ("mel", "feats")
UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
)


@dataclass(frozen=True)
class Stored:
    """What a file holds: an array of any shape and type, and the spec if the file carries one."""

    array: Tensor
    spec: MelSpec | None = None


Reader = Callable[[Path], Stored]
Writer = Callable[[Path, Stored], None]


def read_npy(path: Path) -> Stored:
    """A bare numpy array."""
    return Stored(_tensor(_readable(lambda: np.load(path, allow_pickle=False), path), path))


def read_npz(path: Path) -> Stored:
    """Key `mel` (or `feats`, or the only array), with the spec as JSON text under `mel_spec`."""
    with _readable(lambda: np.load(path, allow_pickle=False), path) as arrays:
        spec = _spec(str(arrays[SPEC_KEY]), path) if SPEC_KEY in arrays else None
        return Stored(_tensor(_readable(lambda: _mel_among(arrays, path), path), path), spec)


def read_pt(path: Path) -> Stored:
    """A tensor saved by torch; nothing else is unpickled."""
    mel = _readable(lambda: torch.load(path, map_location="cpu", weights_only=True), path)
    if not isinstance(mel, Tensor):
        raise MelError(f"{path} holds a {type(mel).__name__}; expected one tensor")
    return Stored(mel)


def read_safetensors(path: Path) -> Stored:
    """Tensor `mel`, with the spec as JSON in the file's metadata."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            spec = (file.metadata() or {}).get(SPEC_KEY)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118, not a mapping
    except (SafetensorError, OSError) as error:
        raise MelError(f"{path} cannot be read as a mel: {error}") from error
    return Stored(_mel_among(tensors, path), _spec(spec, path) if spec else None)


def write_npy(path: Path, stored: Stored) -> None:
    """Bare array."""
    with written_whole(path) as scratch:
        np.save(scratch, stored.array.numpy())


def write_npz(path: Path, stored: Stored) -> None:
    """Array and spec."""
    spec = {} if stored.spec is None else {SPEC_KEY: np.array(json.dumps(stored.spec.to_dict()))}
    with written_whole(path) as scratch:
        np.savez(scratch, allow_pickle=False, mel=stored.array.numpy(), **spec)


def write_pt(path: Path, stored: Stored) -> None:
    """Bare tensor."""
    with written_whole(path) as scratch:
        torch.save(stored.array, scratch)


def write_safetensors(path: Path, stored: Stored) -> None:
    """Tensor and spec."""
    from safetensors.torch import save_file

    spec = {} if stored.spec is None else {SPEC_KEY: json.dumps(stored.spec.to_dict())}
    with written_whole(path) as scratch:
        save_file({"mel": stored.array}, scratch, metadata=spec)


READERS: Mapping[str, Reader] = {
    ".npy": read_npy,
    ".npz": read_npz,
    ".pt": read_pt,
    ".pth": read_pt,
    ".mel": read_pt,
    ".safetensors": read_safetensors,
}
WRITERS: Mapping[str, Writer] = {
    ".npz": write_npz,
    ".safetensors": write_safetensors,
    ".npy": write_npy,
    ".pt": write_pt,
}


def _readable(read: Callable[[], Any], path: Path) -> Any:  # noqa: ANN401, numpy and torch decide
    """The result of `read`, with any library's complaint turned into a `MelError`."""
    try:
        return read()
    except UNREADABLE as error:
        raise MelError(f"{path} cannot be read as a mel: {str(error).splitlines()[0]}") from error


def _tensor(array: npt.NDArray[Any], path: Path) -> Tensor:
    try:
        return torch.from_numpy(np.ascontiguousarray(array))
    except TypeError as error:
        raise MelError(f"{path} holds {array.dtype} values; expected floating-point mel values") from error


def _mel_among(arrays: Mapping[str, Any], path: Path) -> Any:  # noqa: ANN401, array or tensor
    """The mel of a file that may hold several arrays."""
    names = [name for name in arrays if name != SPEC_KEY]
    found = next((name for name in MEL_KEYS if name in names), names[0] if len(names) == 1 else None)
    if found is None:
        raise MelError(f"{path} holds {', '.join(names) or 'nothing'}; expected an array called mel")
    return arrays[found]


def _spec(text: str, path: Path) -> MelSpec:
    try:
        return MelSpec.from_dict(json.loads(text))
    except (ConfigError, json.JSONDecodeError, TypeError) as error:
        raise MelError(f"{path} carries a mel spec that cannot be read: {error}") from error
