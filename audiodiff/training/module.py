"""The training loop's wiring, for Lightning."""

from collections.abc import Callable, Iterable

import lightning as L
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class Training(L.LightningModule):
    """Fits an objective. The loss lives in `objective`, the weight average and the previews in callbacks."""

    def __init__(
        self,
        *,
        objective: nn.Module,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer],
        lr_schedule: Callable[[Optimizer], LRScheduler] | None = None,
    ) -> None:
        super().__init__()
        self.objective = objective
        self.optimizer = optimizer
        self.lr_schedule = lr_schedule

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """Log every named loss and return the one to minimize."""
        losses = self.objective(**batch)
        self.log_dict({f"train/{name}": value for name, value in losses.items()}, prog_bar=True)
        return losses["loss"]

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Log the losses on whole clips."""
        losses = self.objective(**batch)
        self.log_dict({f"valid/{name}": value for name, value in losses.items()}, prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Optimize what is not frozen; the learning rate follows its schedule step by step."""
        optimizer = self.optimizer([p for p in self.parameters() if p.requires_grad])
        if self.lr_schedule is None:
            return {"optimizer": optimizer}
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self.lr_schedule(optimizer), "interval": "step"},
        }
