"""Mel files that carry their contract, and the checks that every stranger's mel goes through."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from audiodiff.errors import MelError, MelMismatchError, OutputError
from audiodiff.mel.arrays import Stored
from audiodiff.mel.formats import READERS, WRITERS
from audiodiff.mel.levels import check_values
from audiodiff.mel.spec import MelSpec

USUAL_BANDS = frozenset({64, 80, 96, 100, 120, 128, 160})
"""Band counts of published vocoders; a side of that length is taken for the bands when no spec says so."""


@dataclass(frozen=True)
class MelFile:
    """One mel, with the convention that its file declares or the reader was given; None for a stray mel."""

    mel: Float[Tensor, "n_mels frames"]
    spec: MelSpec | None = None


def read_mel(path: str | os.PathLike[str], spec: MelSpec | None = None, *, transposed: bool = False) -> MelFile:
    """Read the one mel of a file as float32 [n_mels, frames].

    Formats: .npy, .npz, .pt, .safetensors, Kaldi's .ark and .scp, HDF5. A batch of one is accepted. `spec` says
    what a plain file contains, and must agree with what the file itself says; `transposed` says that the file
    holds [frames, n_mels] (in an archive, whose layout that is anyway: the opposite).

    Raises `MelError` for a file that is missing, unreadable, empty, not finite, not floating point, of the wrong
    rank or of several mels, and `MelMismatchError` for one that is transposed or disagrees with `spec`.
    """
    mels = read_mels(path, spec, transposed=transposed)
    _, found = next(mels)
    for key, _ in mels:
        raise MelError(f"{path} holds several mels (such as {key}); read them with read_mels")
    return found


def read_mels(
    path: str | os.PathLike[str], spec: MelSpec | None = None, *, transposed: bool = False
) -> Iterator[tuple[str, MelFile]]:
    """Read every mel of a file with its key, one at a time; the rest is as for `read_mel`."""
    path = Path(path)
    if not path.is_file():
        raise MelError(f"{path} is not a file: expected a mel ({', '.join(READERS)})")
    if (suffix := path.suffix.lower()) not in READERS:
        raise MelError(f"{path} has an unknown suffix; mels are read from {', '.join(READERS)}")
    if not path.stat().st_size:
        raise MelError(f"{path} is empty")
    empty = True
    try:
        for key, stored in READERS[suffix](path):
            name = str(path) if key == path.stem else f"{path} ({key})"
            yield key, _as_mel(stored, spec, transposed, name)
            empty = False
    except ModuleNotFoundError as error:
        raise MelError(f"{path} needs the package {error.name} to be read: pip install {error.name}") from error
    if empty:
        raise MelError(f"{path} holds no mel: expected a matrix of floating-point values")


def write_mel(path: str | os.PathLike[str], mel: Float[Tensor, "n_mels frames"], spec: MelSpec | None = None) -> None:
    """Write a mel whole or not at all; .safetensors, .npz and .h5 carry `spec`, .npy, .pt and .ark cannot."""
    target = Path(path)
    if (suffix := target.suffix.lower()) not in WRITERS:
        raise OutputError(f"cannot write a mel as {target.name}: use one of {', '.join(WRITERS)}")
    mel = check_mel(mel, str(path))
    if spec is not None and mel.shape[0] != spec.n_mels:
        raise MelMismatchError(f"the mel for {path} has {mel.shape[0]} bands, its spec says {spec.n_mels}")
    try:
        WRITERS[suffix](target, Stored(mel.detach().cpu().contiguous(), spec))
    except ModuleNotFoundError as error:
        raise OutputError(f"{path} needs the package {error.name} to be written: pip install {error.name}") from error


def check_mel(mel: Tensor, name: str = "mel") -> Float[Tensor, "n_mels frames"]:
    """The mel as float32 [n_mels, frames], a batch of one unpacked; raises `MelError` if it is unusable."""
    if mel.dim() == 3 and mel.shape[0] == 1:
        mel = mel[0]
    if mel.dim() != 2:
        raise MelError(f"{name} has shape {tuple(mel.shape)}; expected [n_mels, frames] or [1, n_mels, frames]")
    if not mel.is_floating_point():
        raise MelError(f"{name} holds {str(mel.dtype).removeprefix('torch.')}; expected floating-point mel values")
    if not mel.numel():
        raise MelError(f"{name} is empty: shape {tuple(mel.shape)}")
    if bad := int((~mel.isfinite()).sum()):
        raise MelError(f"{name} holds {bad} values that are NaN or infinite, of {mel.numel()}")
    return mel.float()


def _as_mel(stored: Stored, spec: MelSpec | None, transposed: bool, name: str) -> MelFile:
    """A checked mel the right way round, with the spec that it has or is said to have."""
    if spec is not None and stored.spec is not None and spec != stored.spec:
        raise MelMismatchError(f"{name} declares another convention than the one given: convert it first")
    spec = spec or stored.spec
    mel = check_mel(stored.array, name)
    shape, flip = tuple(mel.shape), transposed != stored.frames_first
    mel = mel.T.contiguous() if flip else mel
    bands = frozenset({spec.n_mels}) if spec else USUAL_BANDS
    if mel.shape[0] not in bands and mel.shape[1] in bands:
        advice = "it is not transposed: leave out" if transposed else "it looks transposed: transpose it, or pass"
        raise MelMismatchError(f"{name} has shape {shape}; {advice} transposed=True")
    if spec and mel.shape[0] != spec.n_mels:
        raise MelMismatchError(f"{name} has {mel.shape[0]} mel bands (shape {shape}), expected {spec.n_mels}")
    check_values(mel, spec, name)
    return MelFile(mel, spec)
