"""Mel files that carry their contract, and the checks that every stranger's mel goes through."""

import os
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from audiodiff.audio.melformats import READERS, WRITERS, Stored
from audiodiff.audio.spec import MelSpec
from audiodiff.errors import MelError, MelMismatchError, OutputError

USUAL_BANDS = frozenset({64, 80, 96, 100, 120, 128, 160})
"""Band counts of published vocoders; a side of that length is taken for the bands when no spec says so."""


@dataclass(frozen=True)
class MelFile:
    """One mel, with the convention that its file declares or the reader was given; None for a stray mel."""

    mel: Float[Tensor, "n_mels frames"]
    spec: MelSpec | None = None


def read_mel(path: str | os.PathLike[str], spec: MelSpec | None = None, *, transposed: bool = False) -> MelFile:
    """Read one mel as float32 [n_mels, frames] from a .npy, .npz, .pt or .safetensors file.

    A batch of one is accepted. `spec` says what a plain file contains, and must agree with what the file
    itself says; `transposed` says that the file holds [frames, n_mels].

    Raises `MelError` for a file that is missing, unreadable, empty, not finite, not floating point or of the
    wrong rank, and `MelMismatchError` for one that is transposed or disagrees with `spec`.
    """
    stored = _stored(Path(path))
    if spec is not None and stored.spec is not None and spec != stored.spec:
        raise MelMismatchError(f"{path} declares another convention than the one given: convert it first")
    spec = spec or stored.spec
    mel = check_mel(stored.array, str(path))
    return MelFile(_oriented(mel, spec, transposed, str(path)), spec)


def write_mel(path: str | os.PathLike[str], mel: Float[Tensor, "n_mels frames"], spec: MelSpec | None = None) -> None:
    """Write a mel whole or not at all; .npz and .safetensors carry `spec`, .npy and .pt cannot."""
    target = Path(path)
    if target.suffix not in WRITERS:
        raise OutputError(f"cannot write a mel as {target.name}: use one of {', '.join(WRITERS)}")
    mel = check_mel(mel, str(path))
    if spec is not None and mel.shape[0] != spec.n_mels:
        raise MelMismatchError(f"the mel for {path} has {mel.shape[0]} bands, its spec says {spec.n_mels}")
    WRITERS[target.suffix](target, Stored(mel.detach().cpu().contiguous(), spec))


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


def _stored(path: Path) -> Stored:
    """What the file holds, by its suffix."""
    if not path.is_file():
        raise MelError(f"{path} is not a file: expected a mel ({', '.join(READERS)})")
    if path.suffix not in READERS:
        raise MelError(f"{path} has an unknown suffix; mels are read from {', '.join(READERS)}")
    return READERS[path.suffix](path)


def _oriented(mel: Tensor, spec: MelSpec | None, transposed: bool, name: str) -> Tensor:
    """The mel as [n_mels, frames], with a transposed one refused unless it was announced."""
    rows, columns = reversed(mel.shape) if transposed else mel.shape
    bands = frozenset({spec.n_mels}) if spec else USUAL_BANDS
    if rows not in bands and columns in bands:
        advice = "it is not transposed: leave out" if transposed else "it looks transposed: transpose it, or pass"
        raise MelMismatchError(f"{name} has shape {tuple(mel.shape)}; {advice} `transposed`")
    if spec and rows != spec.n_mels:
        raise MelMismatchError(f"{name} has {rows} mel bands (shape {tuple(mel.shape)}), expected {spec.n_mels}")
    return mel.T.contiguous() if transposed else mel
