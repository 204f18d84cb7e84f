"""Stops a training whose loss or gradient is not finite, before the weights are touched, and keeps the evidence."""

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from audiodiff.audio.atomic import library_writes, written_whole
from audiodiff.errors import InputError, TrainingError
from audiodiff.training.stopping import Rates, take_back

LATE = frozenset({"cuda"})
"""Kinds of devices that work behind the host, which reads their answers a step later."""


@dataclass(frozen=True, eq=False)
class CheckedBatch:
    """A batch, the seed of what was drawn for it, and the loss that came of it."""

    batch: dict[str, Tensor]
    seed: int
    loss: Tensor


@dataclass(frozen=True, eq=False)
class Step:
    """A step number, its batches, its losses and the norm of its gradient."""

    number: int
    draws: list[CheckedBatch]
    losses: Tensor
    norm: Tensor


class Answer:
    """A yes or no of a device. Reading it waits for what was queued before it, not for what was queued since."""

    def __init__(self, yes: Tensor) -> None:
        self.said = yes.to("cpu", non_blocking=True)  # from a GPU into pinned memory
        self.given = torch.cuda.Event() if yes.is_cuda else None
        if self.given is not None:
            self.given.record(torch.cuda.current_stream(yes.device))

    def read(self) -> bool:
        """Wait until it is given."""
        if self.given is not None:
            self.given.synchronize()
        return bool(self.said)


class Guard:
    """Remembers the batches of the step under way, several where gradients accumulate.

    A GPU is not waited for if its optimizer's kernel can leave weights and moments as they are (`fused`): the device
    tells it so by itself, and the host reads the answer when the next batch is queued, or before anything is saved.
    Then the step that was none is taken back from all counts.
    """

    def __init__(self) -> None:
        self.draws: list[CheckedBatch] = []
        self.skipped: Tensor | None = None
        """1 on the device where the newest step was none, 0 otherwise; None where the host knows that it was one."""
        self._unread: tuple[Step, Answer, Rates] | None = None

    def remember(self, draw: CheckedBatch) -> None:
        """Keep a batch until its step is checked."""
        self.draws.append(draw)

    def check(self, module: L.LightningModule, norm: Tensor, optimizer: Optimizer) -> None:
        """Raise `TrainingError` if a loss or the gradient's norm is not finite; forget the batches otherwise.

        In fp16 a gradient that overflows is no fault: the scaler skips such steps and halves its scale.
        """
        self.settle(module)
        draws, self.draws = self.draws, []
        step = Step(module.global_step, draws, torch.stack([draw.loss for draw in draws]), norm)
        scaled = module.trainer.precision == "16-mixed"
        gradient = torch.zeros_like(norm) if scaled else norm
        fine = step.losses.isfinite().all() & gradient.isfinite()
        late = not scaled and norm.device.type in LATE and skips(optimizer) and goes_on(module.trainer)
        if late:
            self.skipped = optimizer.found_inf = (~fine).to(norm)  # pyright: ignore[reportAttributeAccessIssue]
            schedule: Any = module.lr_schedulers()
            self._unread = step, Answer(fine), Rates.of(optimizer, schedule)
            return
        if skips(optimizer) and not scaled:
            self.skipped = optimizer.found_inf = None  # pyright: ignore[reportAttributeAccessIssue]
        if not fine.item():
            raise self._fault(module, step)

    def settle(self, module: L.LightningModule) -> None:
        """Wait for the answer to the newest step, if it is still to come; raises `TrainingError` as `check` does."""
        if self._unread is None:
            return
        (step, answer, rates), self._unread = self._unread, None
        if not answer.read():
            self.skipped = None
            take_back(module.trainer, rates)
            raise self._fault(module, step)

    def _fault(self, module: L.LightningModule, step: Step) -> TrainingError:
        path = self._keep(module, step)
        names = {name for draw in step.draws for name, tensor in draw.batch.items() if not tensor.isfinite().all()}
        return TrainingError(
            f"step {step.number} has loss {step.losses.tolist()} and gradient norm {step.norm.item():g}, expected "
            f"finite numbers; not finite in the batch: {', '.join(sorted(names)) or 'nothing'}. The weights before "
            f"this step and its batch are in {path}; the same settings with replay={path} repeat it and name the "
            "operation at fault"
        )

    def _keep(self, module: L.LightningModule, step: Step) -> Path:
        path = Path(module.trainer.default_root_dir) / "nan" / f"step{step.number}-rank{module.global_rank}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        objective: Any = module.objective
        evidence = {
            "objective": objective.state_dict(),
            "batches": [draw.batch for draw in step.draws],
            "seeds": [draw.seed for draw in step.draws],
        }
        with written_whole(path) as scratch, library_writes(path):
            torch.save(evidence, scratch)
        return path


def skips(optimizer: Optimizer) -> bool:
    """Tell whether an optimizer leaves everything as it is where its `found_inf` is 1, which fused ones do."""
    return getattr(optimizer, "_step_supports_amp_scaling", False)


def goes_on(trainer: L.Trainer) -> bool:
    """Tell whether the batch under way is followed by another one, and not by a validation or the epoch's end."""
    loop, fetcher = trainer.fit_loop.epoch_loop, trainer.fit_loop._data_fetcher
    assert fetcher is not None
    return not (loop.batch_progress.is_last_batch or loop._should_check_val_fx(fetcher))


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
