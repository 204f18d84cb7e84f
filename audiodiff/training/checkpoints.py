"""Checkpoints that exist whole or not at all, and the one that a run goes on from."""

import os
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from audiodiff.audio.atomic import written_whole
from audiodiff.errors import OutputError


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
        except RuntimeError as error:  # torch's own writer reports a full disk so
            raise OutputError(f"cannot write the checkpoint {path}; the one before is intact: {error}") from error


class LastCheckpoint(Checkpoint):
    """Keeps the newest state in `path`: every `every_n_train_steps` steps and after the last of `trainer.max_steps`.

    It is written while the epoch is still under way, so that a finished run can be prolonged exactly; Lightning counts
    the last epoch as whole when it stops. A run that ends otherwise than by its steps is saved after that.
    """

    def __init__(self, *, path: str, every_n_train_steps: int) -> None:
        self.path = path
        self.every = every_n_train_steps
        self.saved = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Do not save again what the run resumes from."""
        self.saved = trainer.global_step

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save if this batch completed a step that is due."""
        if trainer.global_step % self.every == 0 or trainer.global_step == trainer.max_steps:
            self._save(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save what is not saved yet."""
        self._save(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        if trainer.global_step != self.saved:
            trainer.save_checkpoint(self.path)
            self.saved = trainer.global_step
