"""The moving average of the weights."""

import lightning as L
from lightning.pytorch.callbacks import EMAWeightAveraging


class WeightAverage(EMAWeightAveraging):
    """An exponential moving average that validation runs on, that checkpoints hold as their `state_dict`.

    Buffers are not averaged: they are constants and counters. With several processes every one keeps the same average,
    because all of them take the same steps.
    """

    def __init__(self, *, decay: float) -> None:
        super().__init__(decay=decay, use_buffers=False)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the raw weights in the module: the last checkpoint holds both, so that the run can be prolonged."""
