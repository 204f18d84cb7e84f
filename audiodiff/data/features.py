"""Features: the tensors that a model learns from, computed once and kept on disk, or made on the fly."""

import hashlib
from pathlib import Path
from random import Random
from typing import Protocol, runtime_checkable

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from audiodiff.audio.atomic import file_name, library_writes, written_whole
from audiodiff.audio.io import load_audio
from audiodiff.data.augment import Augment
from audiodiff.data.excerpt import length_of, read_excerpt
from audiodiff.data.manifest import Utterance
from audiodiff.data.predicted import aligned_mel, read_predicted, silent_after
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Hertz, Samples

Tensors = dict[str, Tensor]


@runtime_checkable
class Features(Protocol):
    """Turns a recording into named tensors, each [samples] or [bands, frames] of the same length in time."""

    spec: MelSpec
    sample_rate: Hertz
    hop_length: Samples

    @property
    def fingerprint(self) -> str:
        """Changes whenever the tensors would."""
        ...

    def __call__(self, wave: Tensor, mel: Tensor | None = None) -> Tensors:
        """Map a [samples] waveform at `sample_rate` to its tensors; a given mel stands in for its own."""
        ...

    def completed(self, batch: Tensors) -> Tensors:
        """Turn a batch of these tensors, on the device that trains, into what the model learns from."""
        ...


class Source(Protocol):
    """A source of segments. A recording shorter than `shortest` frames is continued with digital silence."""

    features: Features
    shortest: int

    def frames(self, utterance: Utterance) -> int:
        """Number of frames that can be cut from a recording; raises `InputError` where it cannot be used."""
        ...

    def crop(self, utterance: Utterance, start: int, frames: int, chance: Random | None = None) -> Tensors:
        """The tensors of `frames` frames from frame `start` on; `chance` decides on random changes."""
        ...


class FeatureStore:
    """A folder of safetensors files, one per recording, that are computed when first asked for.

    A file's name holds the fingerprint of the features and the path, size and time of the recording (and of its
    predicted mel), so a changed setting or recording never meets old tensors. Nothing in it is left to chance.
    """

    def __init__(self, folder: Path, features: Features, *, shortest: int = 1) -> None:
        self.folder = folder
        self.features = features
        self.shortest = shortest
        self._fingerprint = features.fingerprint
        self._computed: dict[Utterance, Path] = {}

    def path(self, utterance: Utterance) -> Path:
        """File of the tensors of this recording, there or not; raises `AudioError` where there is no recording."""
        n_samples = length_of(utterance.path, self.features.sample_rate)
        key = self._fingerprint
        for file in filter(None, (utterance.path, utterance.mel)):
            stat = file.stat()
            key += f" {file.resolve()} {stat.st_size} {stat.st_mtime_ns}"
        if n_samples < self.shortest * self.features.hop_length:
            key += f" {self.shortest}"
        digest = hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:16]
        return self.folder / f"{file_name(utterance.id)}-{digest}.safetensors"

    def compute(self, utterance: Utterance) -> Path:
        """Make sure that the tensors of this recording are on disk; an interrupted write leaves nothing."""
        path = self.path(utterance)
        if not path.exists():
            wave = load_audio(utterance.path, self.features.sample_rate)
            mel = aligned_mel(utterance, self.features.spec, len(wave))
            tensors = tensors_of(self.features, wave, mel, self.shortest)
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as scratch, library_writes(path):
                save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, scratch)
        self._computed[utterance] = path
        return path

    def frames(self, utterance: Utterance) -> int:
        """Number of stored frames of a recording, which is computed if it is not there yet."""
        with safe_open(self.compute(utterance), framework="pt") as file:
            return file.get_slice("wave").get_shape()[-1] // self.features.hop_length

    def crop(self, utterance: Utterance, start: int, frames: int, chance: Random | None = None) -> Tensors:
        """Read `frames` frames from frame `start` on, and the samples that belong to them."""
        hop = self.features.hop_length
        path = self._computed.get(utterance) or self.compute(utterance)
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            return {
                name: part[..., start : start + frames]
                if len(part.get_shape()) > 1
                else part[start * hop : (start + frames) * hop]
                for name, part in slices.items()
            }


class LiveFeatures:
    """Segments decoded, resampled and changed on the fly, and features computed of each: nothing is kept.

    A segment is read with as much on both sides as a frame sees, so that its mel is the whole recording's.
    """

    def __init__(self, features: Features, *, shortest: int = 1, augment: Augment | None = None) -> None:
        self.features = features
        self.shortest = shortest
        self.augment = augment
        self.margin = -(-features.spec.n_fft // features.hop_length)

    def frames(self, utterance: Utterance) -> int:
        """Number of frames of a recording by its header, or of its predicted mel if that is shorter."""
        n_samples = length_of(utterance.path, self.features.sample_rate)
        mel = aligned_mel(utterance, self.features.spec, n_samples)
        frames = n_samples // self.features.hop_length
        return max(self.shortest, frames if mel is None else min(frames, mel.shape[-1]))

    def crop(self, utterance: Utterance, start: int, frames: int, chance: Random | None = None) -> Tensors:
        """Read and compute `frames` frames from frame `start` on."""
        hop = self.features.hop_length
        first, last = max(0, start - self.margin), start + frames + self.margin
        wave = read_excerpt(utterance.path, self.features.sample_rate, first * hop, last * hop)
        if self.augment is not None and chance is not None:
            wave = self.augment(wave, chance)
        mel = read_predicted(utterance, self.features.spec)
        mel = None if mel is None else mel[:, first:last]
        tensors = tensors_of(self.features, wave, mel, start + frames - first)
        return cut(tensors, start - first, frames, hop)


def tensors_of(features: Features, wave: Tensor, mel: Tensor | None, shortest: int) -> Tensors:
    """The features of a waveform (and of the mel predicted for it), continued with silence to `shortest` frames."""
    hop = features.hop_length
    if mel is not None:
        wave = wave[: mel.shape[-1] * hop]
    wave = F.pad(wave, (0, max(0, shortest * hop - len(wave))))
    return features(wave) if mel is None else features(wave, silent_after(mel, len(wave) // hop, features.spec))


def cut(tensors: Tensors, start: int, frames: int, hop: Samples) -> Tensors:
    """The frames from `start` on of every [bands, frames] tensor, and their samples of every [samples] tensor."""
    return {
        name: part[..., start : start + frames] if part.ndim > 1 else part[start * hop : (start + frames) * hop]
        for name, part in tensors.items()
    }
