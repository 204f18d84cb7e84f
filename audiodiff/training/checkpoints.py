"""Checkpoints that exist whole or not at all, and the one that a run goes on from."""

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from audiodiff.audio.atomic import written_whole
from audiodiff.audio.scratch import sweep
from audiodiff.errors import OutputError
from audiodiff.errors.sentences import sentence
from audiodiff.training.stopping import Signals, go_back, told_to_stop


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the target, on the same disk, and renames: a full disk or a kill leaves the last good checkpoint.

    (Lightning's own way goes through the system's folder for temporary files and copies from there.)
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | os.PathLike[str],
        storage_options: Any = None,  # noqa: ANN401 (Lightning's signature)
    ) -> None:
        """Write the file; raises `OutputError` and leaves what was there when that does not work."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            with written_whole(path) as scratch:
                torch.save(checkpoint, scratch)
            sweep([Path(path)])
        except RuntimeError as error:  # torch's own writer reports a full disk so
            raise OutputError(f"cannot write the checkpoint {path}; the one before is intact: {error}") from error


class LastCheckpoint(Checkpoint):
    """Keeps the newest state in `path`: every `every_n_train_steps` steps and after the last of `trainer.max_steps`.

    It is written while the epoch is still under way, so that a finished run can be prolonged exactly, also one that
    `trainer.max_time` ended; Lightning counts the last epoch as whole when it stops. SIGTERM and
    Ctrl-C end a run after the step under way, saved, with exit code 143 or 130; a single process that fails is saved
    as it was after its last step. (Several processes that fail cannot meet to save.)
    """

    def __init__(self, *, path: str, every_n_train_steps: int) -> None:
        self.path = path
        self.every = every_n_train_steps
        self.saved = 0
        self.step, self.batches, self.batches_before = 0, 0, 0
        self.stopping = False
        self.signals = Signals()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Do not save again what the run resumes from; listen to signals, which Lightning would lose steps by."""
        self.saved = self.step = trainer.global_step
        self.batches = self.batches_before = trainer.fit_loop.epoch_loop.batch_progress.current.ready
        self.stopping = False
        self.signals.listen()
        if hasattr(loop := trainer.fit_loop.epoch_loop, "_broadcast_sigterm_tensor"):
            loop._broadcast_sigterm_tensor = (
                _nothing  # it waits for the GPU at every batch; `told_to_stop` asks instead
            )

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Count the batches of the epoch anew."""
        self.batches = self.batches_before = 0

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save if this batch completed a step that is due; stop if somebody said so.

        A stop of Lightning's (`trainer.max_time`) that comes between accumulated batches is put off until their step.
        """
        self.stopping |= trainer.should_stop
        trainer.should_stop = self.stopping and trainer.global_step != self.step
        ends = trainer.should_stop or trainer.global_step == trainer.max_steps
        if trainer.global_step % self.every == 0 or ends:
            self._save(trainer)
        if trainer.global_step != self.step:
            self.step, self.batches_before = trainer.global_step, self.batches
            self.batches = trainer.fit_loop.epoch_loop.batch_progress.current.ready
            if told_to_stop(self.signals, trainer):
                self._save(trainer)
                self._leave(trainer)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Do not wait for all the clips, where one process decides."""
        if self.signals.told is not None and trainer.world_size == 1:
            self._leave(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save what is not saved yet."""
        self.signals.forget()
        self._save(trainer)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Save the state after the last whole step, and say where it is; not where a second Ctrl-C wants out."""
        self.signals.forget()
        if trainer.global_step < self.step:  # taken back, see `Guard`
            self.step, self.batches = trainer.global_step, self.batches_before
        if trainer.world_size > 1 or isinstance(exception, KeyboardInterrupt) or self.step == 0:
            return
        try:
            if trainer.global_step != self.saved:
                go_back(trainer, self.batches)
                self._save(trainer)
        except Exception as error:  # what went wrong first is what is to be told
            print(f"nothing could be saved ({sentence(error)})", file=sys.stderr)
        else:
            print(f"step {trainer.global_step} is in {self.path}: --resume goes on from there", file=sys.stderr)

    def _leave(self, trainer: L.Trainer) -> None:
        number = self.signals.told or signal.SIGTERM
        if trainer.world_size > 1 and trainer.is_global_zero:
            print(f"step {trainer.global_step} is in {self.path}: --resume goes on from there", file=sys.stderr)
        raise SystemExit(128 + number)

    def _save(self, trainer: L.Trainer) -> None:
        if trainer.global_step != self.saved:
            trainer.save_checkpoint(self.path)
            self.saved = trainer.global_step


def _nothing() -> None:
    """Do nothing."""


@contextmanager
def signals_end_it(callbacks: Iterable[L.Callback]) -> Iterator[None]:
    """Exit by the signal that a `LastCheckpoint` was told, where what ends the run is an error that came of it.

    Sent to a whole process group, SIGTERM kills the workers that load the data as well, and PyTorch raises an error.
    """
    try:
        yield
    except Exception as error:  # a killed worker shows as any error of PyTorch; with no signal told it is raised on
        told = [one.signals.told for one in callbacks if isinstance(one, LastCheckpoint) and one.signals.told]
        if not told:
            raise
        raise SystemExit(128 + told[0]) from error
