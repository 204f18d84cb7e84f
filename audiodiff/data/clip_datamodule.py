"""Labelled clips of one length, wired for Lightning."""

from pathlib import Path

import lightning as L
from torch.utils.data import DataLoader

from audiodiff.data.clips import LabelledClips, MemoryDataset
from audiodiff.data.manifest import read_manifest


class ClipData(L.LightningDataModule):
    """Whole clips of one length with their ids, all in memory: `features` makes them as the model generates them."""

    def __init__(self, *, folder: str, features: LabelledClips, batch_size: int = 32, workers: int = 0) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.features = features
        self.batch_size = batch_size
        self.workers = workers

    def setup(self, stage: str) -> None:
        """Read all recordings of `train.jsonl` and `valid.jsonl`."""
        self.train_set, self.valid_set = (
            MemoryDataset(read_manifest(self.folder / f"{split}.jsonl"), self.features) for split in ("train", "valid")
        )

    def train_dataloader(self) -> DataLoader:
        """All clips in random batches of equal shape."""
        full = len(self.train_set) >= self.batch_size
        return DataLoader(
            self.train_set, batch_size=self.batch_size, shuffle=True, drop_last=full, num_workers=self.workers
        )

    def val_dataloader(self) -> DataLoader:
        """All clips of the validation set in order."""
        return DataLoader(self.valid_set, batch_size=self.batch_size)
