"""The end of a run that is told to stop: after a whole step, with a checkpoint and a sentence."""

import signal
import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any

import lightning as L
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from audiodiff.data.order import ResumableLoader

ASKED_EVERY = 10
"""Steps between two questions to the other processes whether one of them was told to stop."""


class Signals:
    """Remembers the first SIGTERM or SIGINT until somebody asks; a second one is as it was before.

    Outside of `listen` and `forget`, and in other threads than the main one, nothing is remembered.
    """

    def __init__(self) -> None:
        self.told: signal.Signals | None = None
        self.before: dict[signal.Signals, Any] = {}

    def listen(self) -> None:
        """Take the two signals over."""
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                self.before[number] = signal.signal(number, self._remember)
        except ValueError:  # not the main thread, where no signal arrives
            self.before = {}

    def forget(self) -> None:
        """Give them back."""
        for number, handler in self.before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self.before = {}

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.told = signal.Signals(number)
        print(f"{self.told.name}: stopping after this step", file=sys.stderr, flush=True)
        self.forget()


def told_to_stop(signals: Signals, trainer: L.Trainer) -> bool:
    """Tell whether this process, or at every `ASKED_EVERY`-th step another one of the job, was told to stop."""
    told = signals.told is not None
    if trainer.world_size == 1:
        return told
    if trainer.global_step % ASKED_EVERY:
        return False
    return trainer.strategy.reduce_boolean_decision(told, all=False)


def go_back(trainer: L.Trainer, batches: int) -> None:
    """Go back in all counts to the batch after which the last step was taken, so that no batch is skipped.

    `batches` of this epoch had been finished then. What is left is as Lightning saves it at the end of a batch, which
    counts as processed and not yet as completed; where the epoch has hardly begun, as at the end of the one before.
    """
    loops = trainer.fit_loop
    progress, epochs = loops.epoch_loop.batch_progress, loops.epoch_progress
    begun = progress.current.ready - batches
    if begun <= 0:
        return
    ends = batches == 0
    progress.current.ready = int(trainer.num_training_batches) if ends else batches
    progress.total.ready -= begun
    trackers: list[Any] = [progress.current, progress.total]  # of more counts than their declared kind
    for counts in trackers:
        counts.started = counts.processed = counts.ready
        counts.completed = counts.ready - 1
    trackers = [epochs.current, epochs.total] if ends else []
    for counts in trackers:
        counts.ready, counts.started = counts.ready - 1, counts.started - 1
        counts.processed, counts.completed = counts.processed - 1, counts.completed - 1
    progress.is_last_batch = ends
    loops.epoch_loop._batches_that_stepped -= 1
    loader = trainer.train_dataloader
    if isinstance(loader, ResumableLoader):
        loader.go_back(begun)


@dataclass(frozen=True, eq=False)
class Rates:
    """The learning rates of an optimizer, and where their schedule is."""

    optimizer: Optimizer
    rates: list[float]
    schedule: LRScheduler | None
    place: dict[str, Any]

    @classmethod
    def of(cls, optimizer: Optimizer, schedule: LRScheduler | None) -> "Rates":
        """Those of this moment."""
        rates = [group["lr"] for group in optimizer.param_groups]
        return cls(optimizer, rates, schedule, {} if schedule is None else schedule.state_dict())

    def restore(self) -> None:
        """Put them back."""
        if self.schedule is not None:
            self.schedule.load_state_dict(self.place)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate


def take_back(trainer: L.Trainer, rates: Rates) -> None:
    """Take the newest step back from all counts, when neither weights nor moments have seen it.

    `rates` are those that it was to be taken with.
    """
    loop = trainer.fit_loop.epoch_loop
    steps, scheduled = loop.automatic_optimization.optim_progress.optimizer.step, loop.scheduler_progress
    for progress in (steps, scheduled) if rates.schedule is not None else (steps,):
        for counts in (progress.current, progress.total):
            counts.ready, counts.completed = counts.ready - 1, counts.completed - 1
    batches: Any = loop.batch_progress.current
    loop._batches_that_stepped -= batches.completed == batches.processed  # else it is not counted yet
    rates.restore()
