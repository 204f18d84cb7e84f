"""The moving average of the weights."""

from collections.abc import Mapping

import lightning as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor, nn

from audiodiff.errors import ConfigError
from audiodiff.training.module import Training


class WeightAverage(WeightAveraging):
    """An exponential moving average that validation runs on, that checkpoints hold as their `state_dict`.

    The decay rises to `decay` as (1 + step) / (10 + step), so that the average is that of about the last tenth of the
    steps as long as there are few, and the initial weights are soon forgotten. Buffers are not averaged: they are
    constants and counters. With several processes every one keeps the same average, because all take the same steps.
    """

    def __init__(self, *, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(f"decay={decay}: expected a share of the average to keep at every step, 0 to below 1")
        super().__init__(use_buffers=False)
        self.decay = decay
        self.swapped = False

    def decay_at(self, step: int) -> float:
        """The share of the average that is kept after optimizer step number `step`, from 1 on."""
        return min(self.decay, (1 + step) / (10 + step))

    @torch.no_grad()
    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: STEP_OUTPUT,
        batch: Mapping[str, Tensor],
        batch_idx: int,
    ) -> None:
        """Move the average after every optimizer step: few launches for all weights, and no wait for a GPU."""
        if trainer.global_step > self._latest_update_step:
            skipped = pl_module.guard.skipped if isinstance(pl_module, Training) else None
            self.follow(pl_module, trainer.global_step, skipped)

    def follow(self, module: nn.Module, step: int, skipped: Tensor | None = None) -> None:
        """Move the average towards the weights after optimizer step number `step`, unless `skipped` is 1."""
        assert self._average_model is not None
        averages = [parameter.data for parameter in self._average_model.module.parameters()]
        weights, share = [parameter.data for parameter in module.parameters()], 1 - self.decay_at(step)
        if skipped is None:
            torch._foreach_lerp_(averages, weights, share)  # pyright: ignore[reportPrivateImportUsage]
        else:
            moves = torch._foreach_sub(weights, averages)  # pyright: ignore[reportPrivateImportUsage]
            torch._foreach_mul_(moves, share * (1 - skipped))  # pyright: ignore[reportPrivateImportUsage]
            torch._foreach_add_(averages, moves)  # pyright: ignore[reportPrivateImportUsage]
        self._average_model.n_averaged += 1
        self._latest_update_step = step

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Swap the average in."""
        super().on_validation_epoch_start(trainer, pl_module)
        self.swapped = True

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Swap the weights back in."""
        super().on_validation_epoch_end(trainer, pl_module)
        self.swapped = False

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Swap the weights back in where a validation broke off, before they are saved; forget a step that was none."""
        if self.swapped:
            self.on_validation_epoch_end(trainer, pl_module)
        if self._average_model is not None and self._latest_update_step > trainer.global_step:
            self._average_model.n_averaged -= 1
            self._latest_update_step = trainer.global_step

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the raw weights in the module: the last checkpoint holds both, so that the run can be prolonged."""
