"""Stops a training whose loss or gradient is not finite, before the weights are touched, and keeps the evidence."""

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from audiodiff.audio.atomic import library_writes, written_whole
from audiodiff.errors import InputError, TrainingError


@dataclass(frozen=True, eq=False)
class CheckedBatch:
    """A batch, the seed of what was drawn for it, and the loss that came of it."""

    batch: dict[str, Tensor]
    seed: int
    loss: Tensor


class Guard:
    """Remembers the batches of the step under way, several where gradients accumulate."""

    def __init__(self) -> None:
        self.draws: list[CheckedBatch] = []

    def remember(self, draw: CheckedBatch) -> None:
        """Keep a batch until its step is checked."""
        self.draws.append(draw)

    def check(self, module: L.LightningModule, norm: Tensor) -> None:
        """Raise `TrainingError` if a loss or the gradient's norm is not finite; forget the batches otherwise.

        In fp16 a gradient that overflows is no fault: the scaler skips such steps and halves its scale.
        """
        draws, self.draws = self.draws, []
        losses = torch.stack([draw.loss for draw in draws])
        gradient = torch.zeros_like(norm) if module.trainer.precision == "16-mixed" else norm
        if (losses.isfinite().all() & gradient.isfinite()).item():
            return
        path = self._keep(module, draws)
        bad = sorted({name for draw in draws for name, tensor in draw.batch.items() if not tensor.isfinite().all()})
        raise TrainingError(
            f"step {module.global_step} has loss {losses.tolist()} and gradient norm {norm.item():g}, expected finite "
            f"numbers; not finite in the batch: {', '.join(bad) or 'nothing'}. The weights before this step and its "
            f"batch are in {path}; the same settings with replay={path} repeat it and name the operation at fault"
        )

    def _keep(self, module: L.LightningModule, draws: list[CheckedBatch]) -> Path:
        path = Path(module.trainer.default_root_dir) / "nan" / f"step{module.global_step}-rank{module.global_rank}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        objective: Any = module.objective
        evidence = {
            "objective": objective.state_dict(),
            "batches": [draw.batch for draw in draws],
            "seeds": [draw.seed for draw in draws],
        }
        with written_whole(path) as scratch, library_writes(path):
            torch.save(evidence, scratch)
        return path


def replay(path: Path, objective: nn.Module) -> list[dict[str, float]]:
    """Give `objective` the kept weights, batches and random draws again; returns the losses of every batch.

    Where a gradient becomes NaN, torch's anomaly mode raises a RuntimeError that names the operation.
    """
    evidence = _evidence(path)
    objective.load_state_dict(evidence["objective"])
    found = []
    with torch.autograd.detect_anomaly():
        for batch, seed in zip(evidence["batches"], evidence["seeds"], strict=True):
            torch.manual_seed(seed)
            losses = objective(**batch)
            losses["loss"].backward()
            found.append({name: value.item() for name, value in losses.items()})
    return found


def _evidence(path: Path) -> dict[str, Any]:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, UnpicklingError) as error:
        raise InputError(f"cannot replay {path}: it is no file that a stopped training left ({error})") from error
