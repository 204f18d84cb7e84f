"""The data of a training run, wired for Lightning."""

from pathlib import Path
from typing import Any, Literal

import lightning as L
from torch.utils.data import DataLoader

from audiodiff.data.augment import Augment
from audiodiff.data.dataset import ClipDataset, SegmentDataset, usable
from audiodiff.data.features import Features, FeatureStore, LiveFeatures, Source, Tensors
from audiodiff.data.manifest import Utterance, read_manifest
from audiodiff.data.order import Position, ResumableLoader, SegmentOrder
from audiodiff.data.preparation import compute_all
from audiodiff.errors import ConfigError


class VocoderData(L.LightningDataModule):
    """Segments from a training manifest, whole clips from a validation manifest.

    `folder` holds `train.jsonl` and `valid.jsonl`. With a `cache` folder the features of every recording are
    computed once, by `processes` (None is one per core), and kept there; without one they are made on the fly, which
    is what `augment` needs. `segment` and `valid_frames` are in frames; with `balance="speaker"` every speaker is
    heard equally often. Recordings that cannot be used are left out with a warning, or with `strict` are fatal.
    """

    def __init__(
        self,
        *,
        folder: str,
        cache: str | None,
        features: Features,
        batch_size: int = 16,
        segment: int = 64,
        augment: Augment | None = None,
        balance: Literal["speaker"] | None = None,
        valid_clips: int = 8,
        valid_frames: int = 512,
        workers: int = 0,
        processes: int | None = 1,
        seed: int = 0,
        strict: bool = False,
    ) -> None:
        super().__init__()
        if cache is not None and augment is not None:
            raise ConfigError("features in a cache cannot be augmented: set data.cache=null or data/augment=none")
        self.folder, self.features = Path(folder), features
        self.train_source = source(cache, features, shortest=segment, augment=augment)
        self.valid_source = source(cache, features, shortest=segment, augment=None)
        self.batch_size = batch_size
        self.segment = segment
        self.balance = balance
        self.valid_clips = valid_clips
        self.valid_frames = valid_frames
        self.workers = workers
        self.processes = processes
        self.seed = seed
        self.strict = strict
        self.loader: ResumableLoader | None = None
        self.position: Position | None = None

    def prepare_data(self) -> None:
        """Compute the features that are not in the cache yet; what fails is told by `setup`, on every rank."""
        for name, place in (("train", self.train_source), ("valid", self.valid_source)):
            if isinstance(place, FeatureStore):
                compute_all(place, self._utterances(name), processes=self.processes, name=name)

    def setup(self, stage: str) -> None:
        """Open the two sets."""
        clips = self._usable("train", self.train_source)
        self.train_set = SegmentDataset(
            clips, self.train_source, segment=self.segment, seed=self.seed, strict=self.strict
        )
        clips = self._usable("valid", self.valid_source)
        self.valid_set = ClipDataset(clips, self.valid_source, frames=self.valid_frames)

    def train_dataloader(self) -> ResumableLoader:
        """This rank's segments in batches of equal shape."""
        self.loader = self._loader()
        if self.position is not None:
            self.loader.load_state_dict(self.position)
        return self.loader

    def val_dataloader(self) -> DataLoader:
        """Whole clips, one at a time."""
        return DataLoader(self.valid_set, batch_size=1, num_workers=0)

    def on_after_batch_transfer(self, batch: Tensors, dataloader_idx: int) -> Tensors:
        """Let the features do on the device what they have left for it."""
        return self.features.completed(batch)

    def state_dict(self) -> dict[str, Any]:
        """The place in the training set."""
        return {} if self.loader is None else {"position": self.loader.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there. (Lightning restores a loader by itself, but not at the end of an epoch.)"""
        self.position = state_dict.get("position")

    @property
    def pinned(self) -> bool:
        """Tell whether batches wait in memory from which a GPU copies while the host goes on."""
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    @property
    def ranks(self) -> dict[str, int]:
        """Number of processes that train together, and the rank of this one."""
        world, rank = (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)
        return {"world": world, "rank": rank}

    def _loader(self) -> ResumableLoader:
        balanced = self.balance == "speaker"
        return ResumableLoader(
            self.train_set,
            batch_size=self.batch_size,
            sampler=SegmentOrder(
                self.train_set, batch_size=self.batch_size, seed=self.seed, balanced=balanced, **self.ranks
            ),
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=self.pinned,
        )

    def _usable(self, name: str, place: Source) -> list[tuple[Utterance, int]]:
        return usable(self._utterances(name), place, strict=self.strict, name=str(self._manifest(name)))

    def _manifest(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"

    def _utterances(self, name: str) -> list[Utterance]:
        utterances = read_manifest(self._manifest(name))
        return spread(utterances, self.valid_clips) if name == "valid" else utterances


class ShardData(VocoderData):
    """Training segments that stream from tar shards, whole clips from a validation manifest.

    `index` is the list that `audiodiff data shard` wrote; `place` is where the shards are if not beside it (see
    `ShardStream`). `folder` holds `valid.jsonl`; the other settings are those of `VocoderData`.
    """

    def __init__(
        self,
        *,
        folder: str,
        index: str,
        features: Features,
        place: str | None = None,
        batch_size: int = 16,
        segment: int = 64,
        augment: Augment | None = None,
        mix: int = 1000,
        valid_clips: int = 8,
        valid_frames: int = 512,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            folder=folder,
            cache=None,
            features=features,
            batch_size=batch_size,
            segment=segment,
            augment=augment,
            valid_clips=valid_clips,
            valid_frames=valid_frames,
            workers=workers,
            seed=seed,
        )
        self.augment = augment
        self.index, self.place, self.mix = Path(index), place, mix

    def prepare_data(self) -> None:
        """Nothing: everything is made on the fly."""

    def setup(self, stage: str) -> None:
        """Open the validation set; the shards are opened by the workers."""
        clips = self._usable("valid", self.valid_source)
        self.valid_set = ClipDataset(clips, self.valid_source, frames=self.valid_frames)

    def _loader(self) -> ResumableLoader:
        from audiodiff.data.shards import ShardStream  # needs webdataset

        stream = ShardStream(
            self.index,
            self.features,
            segment=self.segment,
            batch_size=self.batch_size,
            place=self.place,
            augment=self.augment,
            mix=self.mix,
            seed=self.seed,
            workers=self.workers,
            **self.ranks,
        )
        return ResumableLoader(
            stream, batch_size=self.batch_size, num_workers=self.workers, drop_last=True, pin_memory=self.pinned
        )


def source(cache: str | None, features: Features, *, shortest: int, augment: Augment | None) -> Source:
    """The source of segments: a folder of stored features, or the recordings themselves."""
    if cache is None:
        return LiveFeatures(features, shortest=shortest, augment=augment)
    return FeatureStore(Path(cache), features, shortest=shortest)


def spread(utterances: list[Utterance], n: int) -> list[Utterance]:
    """At most `n` of the utterances, evenly spread over the list and so over its speakers."""
    n = min(n, len(utterances))
    return [utterances[i * len(utterances) // n] for i in range(n)]
