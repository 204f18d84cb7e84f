"""The data of a training run, wired for Lightning."""

from pathlib import Path

import lightning as L
from rich.progress import track
from torch.utils.data import DataLoader

from audiodiff.data.clips import LabelledClips, MemoryDataset
from audiodiff.data.dataset import ClipDataset, CropDataset
from audiodiff.data.features import Features, FeatureStore
from audiodiff.data.manifest import read_manifest


class VocoderData(L.LightningDataModule):
    """Crops from a training manifest, whole clips from a validation manifest.

    `folder` holds `train.jsonl` and `valid.jsonl`; the features of every recording are computed once and kept
    in `cache`. `segment` and `valid_frames` are in frames.
    """

    def __init__(
        self,
        *,
        folder: str,
        cache: str,
        features: Features,
        batch_size: int = 16,
        segment: int = 64,
        valid_clips: int = 8,
        valid_frames: int = 512,
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.store = FeatureStore(Path(cache), features)
        self.batch_size = batch_size
        self.segment = segment
        self.valid_clips = valid_clips
        self.valid_frames = valid_frames
        self.workers = workers

    def prepare_data(self) -> None:
        """Compute the features that are not in the cache yet."""
        train, valid = self._utterances()
        for utterance in track(train + valid, description="Features", transient=True):
            self.store.compute(utterance)

    def setup(self, stage: str) -> None:
        """Open the two sets."""
        train, valid = self._utterances()
        self.train_set = CropDataset(train, self.store, segment=self.segment)
        self.valid_set = ClipDataset(valid, self.store, frames=self.valid_frames)

    def train_dataloader(self) -> DataLoader:
        """Random crops in batches of equal shape."""
        return DataLoader(
            self.train_set,
            batch_size=self.batch_size,
            shuffle=True,
            drop_last=len(self.train_set) >= self.batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
        )

    def val_dataloader(self) -> DataLoader:
        """Whole clips, one at a time."""
        return DataLoader(self.valid_set, batch_size=1, num_workers=0)

    def _utterances(self) -> tuple[list, list]:
        train = read_manifest(self.folder / "train.jsonl")
        valid = read_manifest(self.folder / "valid.jsonl")
        return train, valid[: self.valid_clips]


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
