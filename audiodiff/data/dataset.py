"""Crops to train on and whole clips to validate on."""

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from audiodiff.data.features import FeatureStore
from audiodiff.data.manifest import Utterance
from audiodiff.errors import ConfigError


class CropDataset(Dataset[dict[str, Tensor]]):
    """Random crops of `segment` frames: each epoch visits every recording once per `segment` frames it lasts.

    A recording shorter than a segment is padded with zeros in every tensor except the mel, whose last frame
    is repeated.
    """

    def __init__(self, utterances: list[Utterance], store: FeatureStore, *, segment: int) -> None:
        if segment < 1:
            raise ConfigError(f"segment must be at least 1 frame, got {segment}")
        self.store = store
        self.segment = segment
        paths = [store.path(utterance) for utterance in utterances]
        lengths = [store.frames(path) for path in paths]
        self.items = [
            (path, length)
            for path, length in zip(paths, lengths, strict=True)
            for _ in range(max(1, length // segment))
        ]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        path, length = self.items[index]
        start = int(torch.randint(max(1, length - self.segment + 1), ()))
        crop = self.store.crop(path, start, self.segment)
        missing = self.segment - min(length, self.segment)
        return {name: self._pad(tensor, missing) for name, tensor in crop.items()}

    def _pad(self, tensor: Tensor, missing: int) -> Tensor:
        if tensor.ndim > 1:
            return F.pad(tensor, (0, missing), mode="replicate")
        return F.pad(tensor, (0, missing * self.store.features.hop_length))


class ClipDataset(Dataset[dict[str, Tensor]]):
    """Every recording from its beginning, at most `frames` frames of it."""

    def __init__(self, utterances: list[Utterance], store: FeatureStore, *, frames: int) -> None:
        self.store = store
        self.frames = frames
        self.paths = [store.path(utterance) for utterance in utterances]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        path = self.paths[index]
        return self.store.crop(path, 0, min(self.frames, self.store.frames(path)))
