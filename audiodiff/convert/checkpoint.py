"""Reading files that strangers wrote: tensors and plain values come out, nothing in them is ever run."""

import json
import pickle
import zipfile
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from audiodiff.errors import CheckpointError

USUAL_NAMES = ("weights.pt", "diffwave.ckpt")
"""Names that are looked for when a folder is given: lmnt's and PriorGrad's link, SpeechBrain's recoverable."""
_LARGEST_CONFIG = 1 << 20


@dataclass(frozen=True)
class Checkpoint:
    """Contents of a checkpoint file, and the file or folder in which its author may have left the rest."""

    path: Path
    content: Mapping[str, Any]
    config: Path | None = None

    def state(self, key: str) -> Mapping[str, Any]:
        """The weights under a key by their names, none where there is nothing of the kind."""
        found = self.content.get(key)
        return found if isinstance(found, Mapping) else {}

    @property
    def sha256(self) -> str:
        """The checksum of the file."""
        with self.path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    def companion(self, *patterns: str) -> Path | None:
        """The file that the user named, or the only one beside the checkpoint that fits one of the patterns."""
        if self.config is not None and self.config.is_file():
            return self.config
        folder = self.config or self.path.parent
        found = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise CheckpointError(f"{folder} holds several configs ({names}): say which one with --config")
        return found[0] if found else None


def read_checkpoint(path: Path, config: Path | None = None) -> Checkpoint:
    """Read a checkpoint onto the CPU, or the usual one of a folder.

    Raises `CheckpointError` for a file that is missing, damaged, or that wants to run code.
    """
    if path.is_dir():
        path = next((path / name for name in USUAL_NAMES if (path / name).is_file()), path / USUAL_NAMES[0])
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file: expected a checkpoint such as weights.pt, 1000000.pkl, …")
    if config is not None and not config.exists():
        raise CheckpointError(f"{config} does not exist: expected the checkpoint's config, a file or a folder")
    content = read_pickle(path)
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds a {type(content).__name__}: expected a dictionary of tensors")
    return Checkpoint(path, content, config)


def read_pickle(path: Path) -> Any:  # noqa: ANN401 (whatever was pickled, as far as it is harmless)
    """Load tensors and plain values that torch saved, and nothing else.

    The one class that is let through is argparse's Namespace, a bag of values in which BDDM keeps its config.
    """
    _check_not_inflated(path)
    try:
        with torch.serialization.safe_globals([Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = next((line for line in str(error).splitlines() if "GLOBAL" in line), "").strip()[:200]
        fault = (
            f"was not loaded, it holds more than tensors: {reason}" if reason else "is damaged or no torch checkpoint"
        )
        raise CheckpointError(f"{path} {fault}") from error
    except Exception as error:  # damaged bytes make the unpickler fail in every way there is
        raise CheckpointError(f"{path} is damaged or no checkpoint: {type(error).__name__}: {error}"[:300]) from error


def tensors_of(state: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """A state dict in float32; raises `CheckpointError` for anything in it that is not a finite tensor."""
    if not state:
        raise CheckpointError(f"{path} holds no weights of that kind: does --from name the project that wrote it?")
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            raise CheckpointError(f"{path}: {name} is no tensor of real numbers")
        if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
            raise CheckpointError(f"{path}: {name} claims {tensor.numel()} numbers, the file holds fewer")
        if not tensor.isfinite().all():
            raise CheckpointError(f"{path}: {name} holds values that are NaN or infinite")
    return {str(name): tensor.float() for name, tensor in state.items()}


def read_config(path: Path) -> dict[str, Any]:
    """Read a JSON or YAML file as plain values; tags that would build objects are left out."""
    if path.stat().st_size > _LARGEST_CONFIG:
        raise CheckpointError(f"{path} has {path.stat().st_size} bytes, a config at most {_LARGEST_CONFIG}")
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix.lower() == ".json" else yaml.load(text, Loader=_PlainLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path} cannot be read as a config: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds a {type(values).__name__}: expected names and values")
    return values


def read_number(path: Path) -> float:
    """Read a .npy file that holds a single number."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CheckpointError(f"{path} cannot be read as a number: {str(error).splitlines()[0]}") from error
    if not isinstance(array, np.ndarray) or array.size != 1 or array.dtype.kind not in "fiu":
        raise CheckpointError(f"{path}: expected a .npy file with one number")
    return float(array.item())


class _PlainLoader(yaml.SafeLoader):
    """YAML without its objects: a value with a foreign tag (`!new:`, `!!python/object`, …) becomes None."""


_PlainLoader.add_multi_constructor("", lambda loader, suffix, node: None)


def _check_not_inflated(path: Path) -> None:
    """Refuse an archive that unpacks to more than it is: torch stores its tensors uncompressed."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (OSError, zipfile.BadZipFile, ValueError):
        return  # not an archive: torch's format before 1.6, or damaged, which the unpickler will say
    if unpacked > path.stat().st_size:
        raise CheckpointError(f"{path} unpacks to {unpacked} bytes, more than the file has: no checkpoint of torch's")
