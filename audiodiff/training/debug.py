"""Callbacks for `debug=overfit`."""

import lightning as L
from torch import Tensor


class SameBatch(L.Callback):
    """Puts the first batch in the place of every later one; the noise still differs from step to step."""

    def __init__(self) -> None:
        self.first: dict[str, Tensor] | None = None

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: dict[str, Tensor], batch_idx: int
    ) -> None:
        """Overwrite the batch in place."""
        self.first = self.first or dict(batch)
        batch.clear()
        batch.update(self.first)
