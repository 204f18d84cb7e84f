"""A training that takes milliseconds: numbered items, a loss that draws noise, and a record of what happened."""

from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import nn
from torch.utils.data import DataLoader, Dataset

from audiodiff.data.order import ResumableLoader, SegmentOrder
from audiodiff.training.average import WeightAverage
from audiodiff.training.checkpoints import WholeCheckpoints
from audiodiff.training.module import Training

ITEMS, BATCH = 12, 2


class Numbers(Dataset):
    """Item `index` in `epoch` says both; `poison` makes one of them NaN."""

    def __init__(self, poison: tuple[int, int] | None = None) -> None:
        self.poison = poison

    def __len__(self) -> int:
        return ITEMS

    def __getitem__(self, key):
        epoch, index = key
        value = torch.tensor([1.0 + index, 1.0 + epoch])
        return {"wave": value * float("nan") if key == self.poison else value, "key": torch.tensor(key)}


class Noisy(nn.Module):
    """A loss of the batch and of fresh noise."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, wave, key):
        return {"loss": (self.layer(wave / ITEMS) - torch.randn_like(wave)).square().mean()}


class Data(L.LightningDataModule):
    """The numbered items in the order of real segments."""

    def __init__(self, items: Numbers, workers: int = 0) -> None:
        super().__init__()
        self.items = items
        self.workers = workers

    def train_dataloader(self):
        world, rank = self.trainer.world_size, self.trainer.global_rank
        order = SegmentOrder(self.items, batch_size=BATCH, seed=7, world=world, rank=rank)
        return ResumableLoader(self.items, batch_size=BATCH, sampler=order, num_workers=self.workers)

    def val_dataloader(self):
        return DataLoader([self.items[0, 0]], batch_size=1)


class Record(L.Callback):
    """Remembers every batch's keys and loss, and the gradient before every step."""

    def __init__(self, die_at: int | None = None) -> None:
        self.losses: dict[int, float] = {}
        self.keys: dict[int, list] = {}
        self.gradients: list[torch.Tensor] = []
        self.die_at = die_at

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        number = trainer.fit_loop.epoch_loop.total_batch_idx
        self.losses[number], self.keys[number] = outputs["loss"].item(), batch["key"].tolist()

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        self.gradients.append(pl_module.objective.layer.weight.grad.clone())


def run(
    folder: Path,
    *callbacks: L.Callback,
    steps: int,
    resume: Path | None = None,
    items: Numbers | None = None,
    workers: int = 0,
    keep: int = 1,
    fused: bool = False,
    **options,
) -> L.Trainer:
    """Train; every step, or every `keep`-th, leaves a checkpoint `step=N.ckpt` in `folder`."""
    torch.manual_seed(0)
    module = Training(
        objective=Noisy(),
        optimizer=lambda weights: torch.optim.Adam(weights, lr=0.01, fused=fused),
        lr_schedule=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
        seed=5,
    )
    every = ModelCheckpoint(folder, "{step}", every_n_train_steps=keep, save_top_k=-1, enable_version_counter=False)
    trainer = L.Trainer(
        accelerator="cpu",
        max_steps=steps,
        callbacks=[WeightAverage(decay=0.5), every, *callbacks],
        logger=CSVLogger(folder, name="", version="log"),
        plugins=[WholeCheckpoints()],
        num_sanity_val_steps=0,
        check_val_every_n_epoch=None,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **({"devices": 1, "val_check_interval": 4, "log_every_n_steps": 1} | options),
    )
    trainer.fit(module, Data(items or Numbers(), workers), ckpt_path=resume)
    return trainer
