"""In which order segments are visited, by which rank, and how a loader goes on in the middle of an epoch."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, cycle, islice
from typing import Any

import torch
from torch.utils.data import DataLoader, DistributedSampler

from audiodiff.data.dataset import SegmentDataset


class SegmentOrder(DistributedSampler):
    """(epoch, index) of every item, shuffled by (seed, epoch) and dealt out to the ranks like cards.

    Step k of all ranks together is what one process with `world` times their batch would see. The last incomplete
    round is dropped; a set too small for one round is visited with repetitions instead. (The base class is only
    the sign by which Lightning knows that the ranks are taken care of.)
    """

    def __init__(
        self, dataset: SegmentDataset, *, batch_size: int, seed: int, world: int, rank: int, balanced: bool = False
    ) -> None:
        super().__init__(dataset, num_replicas=world, rank=rank, seed=seed)
        n_items, round_size = len(dataset), world * batch_size
        self.num_samples = n_items // round_size * batch_size if n_items >= round_size else -(-n_items // world)
        self.groups = by_speaker(dataset.speakers()) if balanced else [list(range(n_items))]
        self.done = 0

    def start(self, epoch: int, done: int) -> None:
        """Go to the item of this rank at which `done` others of the epoch have been visited."""
        self.epoch, self.done = epoch, done

    def set_epoch(self, epoch: int) -> None:
        """Nothing: the loader counts epochs itself, because Lightning's count is off by one after some restarts."""

    def __iter__(self) -> Iterator[Any]:
        order = epoch_order(self.groups, len(self.dataset), seed=self.seed, epoch=self.epoch)  # pyright: ignore[reportArgumentType]
        mine = islice(cycle(order), self.rank, None, self.num_replicas)
        return ((self.epoch, index) for index in islice(mine, self.done, self.num_samples))


Position = dict[str, int]
"""`epoch`, and how many `batches` of it have been handed out."""


def by_speaker(speakers: Sequence[str]) -> list[list[int]]:
    """The indices that belong to each speaker."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, speaker in enumerate(speakers):
        groups[speaker].append(index)
    return list(groups.values())


def epoch_order(groups: list[list[int]], n_items: int, *, seed: int, epoch: int) -> list[int]:
    """`n_items` indices in random order, of every group equally many (to one).

    A group with fewer goes round again before any of its items comes a third time; one with more shows as many
    as are its due. A single group is simply shuffled.
    """
    generator = torch.Generator().manual_seed((seed << 32) + epoch)
    share, rest = divmod(n_items, len(groups))
    lucky = torch.randperm(len(groups), generator=generator)[:rest].tolist()
    chosen: list[int] = []
    for number, group in enumerate(groups):
        wanted = share + (number in lucky)
        rounds = (torch.randperm(len(group), generator=generator).tolist() for _ in range(-(-wanted // len(group))))
        chosen += [group[place] for place in islice(chain.from_iterable(rounds), wanted)]
    return [chosen[place] for place in torch.randperm(n_items, generator=generator).tolist()]


class ResumableLoader(DataLoader):
    """A loader that knows how far it is and always goes on from there, also after a loop over it was broken off.

    So the batches of a run are one sequence, wherever it was interrupted. The sampler or, for streams, the dataset
    is told by `start(epoch, done)` where to begin.
    """

    epoch = 0
    batches = 0

    def __iter__(self) -> Iterator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride] (torch's is narrower)
        ordered = isinstance(self.sampler, SegmentOrder)
        place: Any = self.sampler if ordered else self.dataset
        if hasattr(place, "start"):
            place.start(self.epoch, self.batches * (self.batch_size or 1))
        epoch = self.epoch
        for batch in islice(super().__iter__(), 0 if ordered else self.batches, None):  # a stream is read again
            self._count()
            yield batch
            if self.epoch > epoch:
                return

    def state_dict(self) -> Position:
        """The place in the order."""
        return {"epoch": self.epoch, "batches": self.batches}

    def load_state_dict(self, state: Position) -> None:
        """Go on from there."""
        self.epoch, self.batches = state["epoch"], state["batches"]

    def go_back(self, batches: int) -> None:
        """Take back the last `batches` that were handed out: the loop over them was broken off."""
        whole = self.epoch * len(self) + self.batches - batches
        self.epoch, self.batches = divmod(max(0, whole), len(self))

    def _count(self) -> None:
        self.batches += 1
        if self.batches == len(self):
            self.epoch, self.batches = self.epoch + 1, 0
