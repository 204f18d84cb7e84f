"""Clips of one length, all kept in memory."""

from pathlib import Path
from typing import Protocol

import lightning as L
import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from audiodiff.audio.io import load_audio
from audiodiff.data.manifest import Utterance, read_manifest
from audiodiff.types import Hertz


class LabelledClips(Protocol):
    """Turns a recording and what the manifest says of it into the tensors of one item."""

    sample_rate: Hertz

    def __call__(self, wave: Tensor, utterance: Utterance) -> dict[str, Tensor]:
        """Map a [samples] waveform at `sample_rate` to named tensors, of the same shapes for all recordings."""
        ...


class MemoryDataset(Dataset[dict[str, Tensor]]):
    """The items of all recordings, made when the set is: for corpora of short clips."""

    def __init__(self, utterances: list[Utterance], make: LabelledClips) -> None:
        self.items = [
            make(load_audio(utterance.path, make.sample_rate), utterance)
            for utterance in track(utterances, description="Clips", transient=True)
        ]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self.items[index]


class ClipData(L.LightningDataModule):
    """Whole clips of one length with their ids, all in memory: `features` makes them as the model generates them."""

    def __init__(self, *, folder: str, features: LabelledClips, batch_size: int = 32) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.features = features
        self.batch_size = batch_size

    def setup(self, stage: str) -> None:
        """Read all recordings of `train.jsonl` and `valid.jsonl`."""
        self.train_set, self.valid_set = (
            MemoryDataset(read_manifest(self.folder / f"{split}.jsonl"), self.features) for split in ("train", "valid")
        )

    def train_dataloader(self) -> DataLoader:
        """All clips in random batches of equal shape."""
        full = len(self.train_set) >= self.batch_size
        return DataLoader(self.train_set, batch_size=self.batch_size, shuffle=True, drop_last=full)

    def val_dataloader(self) -> DataLoader:
        """All clips of the validation set in order."""
        return DataLoader(self.valid_set, batch_size=self.batch_size)


def stacked(items: MemoryDataset) -> dict[str, Tensor]:
    """All items as one batch."""
    return {name: torch.stack([item[name] for item in items.items]) for name in items[0]}
