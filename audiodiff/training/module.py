"""The training loop's wiring, for Lightning."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import lightning as L
import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.utilities.enums import GradClipAlgorithmType
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from audiodiff.noise import seed_of
from audiodiff.training.given_settings import GroupSettings, apply_settings, settings_of
from audiodiff.training.guard import CheckedBatch, Guard


class Training(L.LightningModule):
    """Fits an objective. The loss lives in `objective`, the weight average and the previews in callbacks.

    What an objective draws at random is a function of (seed, epoch, batch, rank), whatever happened before: processes
    draw differently, and a run that was resumed draws what it would have drawn.
    """

    def __init__(
        self,
        *,
        objective: nn.Module,
        optimizer: Callable[[Sequence[nn.Parameter]], Optimizer],
        lr_schedule: Callable[[Optimizer], LRScheduler] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.objective = objective
        self.optimizer = optimizer
        self.lr_schedule = lr_schedule
        self.seed = seed
        self.guard = Guard()
        self.given: GroupSettings = []

    def on_train_start(self) -> None:
        """Train with the settings that were given, also where a checkpoint was trained with others."""
        optimizer, schedule = self.optimizers(use_pl_optimizer=False), self.lr_schedulers()
        apply_settings(optimizer, self.given, schedule)  # pyright: ignore[reportArgumentType] (there is one of each)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Log every named loss and return the one to minimize."""
        seed = seed_of(self.seed, self.current_epoch, batch_idx, self.global_rank)
        torch.manual_seed(seed)
        losses = self.objective(**batch)
        self.guard.remember(CheckedBatch(batch=batch, seed=seed, loss=losses["loss"].detach()))
        self._log_losses(losses)
        return losses["loss"]

    def _log_losses(self, losses: Mapping[str, Tensor]) -> None:
        """Log them; those of several processes as their mean, which takes a wait, so only where a line is due."""
        trainer = self.trainer
        if trainer.world_size > 1:
            if not trainer._logger_connector.should_update_logs or trainer.fit_loop._should_accumulate():
                return
            mean = trainer.strategy.reduce(torch.stack([value.detach() for value in losses.values()]))
            losses = dict(zip(losses, mean, strict=True))
        self.log_dict({f"train/{name}": value for name, value in losses.items()})

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log the losses on whole clips, with the same noise every time."""
        torch.manual_seed(seed_of(self.seed, batch_idx))
        losses = self.objective(**batch)
        self.log_dict({f"valid/{name}": value for name, value in losses.items()}, sync_dist=True)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Log the norm of the gradient, stop if it is not finite, and clip."""
        norm = get_total_norm([p.grad for p in self.parameters() if p.grad is not None])
        self.log("train/grad_norm", norm)
        self.guard.check(self, norm, optimizer)
        plugin = self.trainer.precision_plugin
        if isinstance(plugin, MixedPrecision) and plugin.scaler is None and gradient_clip_val:
            # bfloat16 is not scaled, so a fused optimizer has nothing to undo, which MixedPrecision fears
            algorithm = GradClipAlgorithmType(gradient_clip_algorithm or GradClipAlgorithmType.NORM)
            Precision.clip_gradients(plugin, optimizer, gradient_clip_val, algorithm)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save nothing that is not known to be finite."""
        self.guard.settle(self)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Optimize what is not frozen; the learning rate follows its schedule step by step."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        optimizer = optimizer_on_its_device(self.optimizer, parameters, scaled=self.trainer.precision == "16-mixed")
        self.given = settings_of(optimizer)
        if self.lr_schedule is None:
            return {"optimizer": optimizer}
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self.lr_schedule(optimizer), "interval": "step"},
        }


def optimizer_on_its_device(
    make: Callable[..., Optimizer], parameters: Sequence[nn.Parameter], *, scaled: bool
) -> Optimizer:
    """The optimizer; on a GPU a `fused` one where that is left open and gradients are not scaled."""
    optimizer = make(parameters)
    left_open = isinstance(make, partial) and "fused" in optimizer.defaults and optimizer.defaults["fused"] is None
    if left_open and not scaled and all(parameter.device.type == "cuda" for parameter in parameters):
        return make(parameters, fused=True)
    return optimizer
