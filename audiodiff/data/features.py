"""What a model learns from, computed once per recording and kept on disk."""

import hashlib
from pathlib import Path
from typing import Protocol, runtime_checkable

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from audiodiff.audio.atomic import written_whole
from audiodiff.audio.io import load_audio
from audiodiff.data.manifest import Utterance
from audiodiff.types import Hertz, Samples


@runtime_checkable
class Features(Protocol):
    """Turns a recording into named tensors, each [samples] or [bands, frames] of the same length in time."""

    sample_rate: Hertz
    hop_length: Samples

    @property
    def fingerprint(self) -> str:
        """Changes whenever the tensors would."""
        ...

    def __call__(self, wave: Tensor) -> dict[str, Tensor]:
        """Map a [samples] waveform at `sample_rate` to its tensors."""
        ...


class FeatureStore:
    """A folder of safetensors files, one per recording, that are computed when first asked for.

    A file's name holds the fingerprint of the features and the path, size and time of the recording, so a
    changed setting or recording never meets old tensors.
    """

    def __init__(self, folder: Path, features: Features) -> None:
        self.folder = folder
        self.features = features
        self._fingerprint = features.fingerprint

    def path(self, utterance: Utterance) -> Path:
        """Where the tensors of this recording are, or will be."""
        stat = utterance.path.stat()
        key = f"{self._fingerprint} {utterance.path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
        return self.folder / f"{utterance.id}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.safetensors"

    def compute(self, utterance: Utterance) -> Path:
        """Make sure that the tensors of this recording are on disk; an interrupted write leaves nothing."""
        path = self.path(utterance)
        if not path.exists():
            wave = load_audio(utterance.path, self.features.sample_rate)
            tensors = {name: tensor.contiguous() for name, tensor in self.features(wave).items()}
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as scratch:
                save_file(tensors, scratch)
        return path

    def frames(self, path: Path) -> int:
        """How many frames a stored recording has."""
        with safe_open(path, framework="pt") as file:
            return file.get_slice("wave").get_shape()[-1] // self.features.hop_length

    def crop(self, path: Path, start: int, frames: int) -> dict[str, Tensor]:
        """Read `frames` frames from frame `start` on, and the samples that belong to them."""
        hop = self.features.hop_length
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            return {
                name: part[..., start : start + frames]
                if len(part.get_shape()) > 1
                else part[start * hop : (start + frames) * hop]
                for name, part in slices.items()
            }
