"""A run as it is watched: one bar in a terminal, elsewhere a line now and then, and a log in its folder."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Timer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from torch import Tensor, nn

from audiodiff.training.amounts import amount, duration, metrics
from audiodiff.types import Seconds

_FIRST: Seconds = 10.0
"""After so long the first line is due, the second after twice that, and so on up to `every`."""
_REDRAWN: Seconds = 0.5
_RECENT = 0.05
"""The share of the newest loss in the one that is shown."""


class Watch(L.Callback):
    """Shows steps, loss, steps a second and the time that is left to `trainer.max_steps` or `trainer.max_time`.

    In a terminal that is a bar over the whole run; elsewhere, under nohup or in a file, a line at most every `every`
    seconds and after every validation. The lines go to the file `log`, too, after the `notes`.
    """

    def __init__(self, *, log: str, every: Seconds | int = 60) -> None:
        self.log_file, self.every = Path(log), every
        self.notes: list[str] = []
        self.console = Console(highlight=False, soft_wrap=True)
        self.bar: Progress | None = None
        self.task = TaskID(0)
        self.loss: Tensor | None = None
        self.first: tuple[float, int] | None = None
        self.step, self.drawn, self.due, self.pause = 0, 0.0, 0.0, _FIRST
        self.began: float | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say what trains, and begin."""
        self.step, self.began = trainer.global_step, (now := time.monotonic())
        self.due = now + self.pause
        if not trainer.is_global_zero:
            return
        for note in self.notes:
            self._write(note)
        end = f" to {trainer.max_steps}" if trainer.max_steps >= 0 else ""
        device = f"{pl_module.device.type} ({trainer.world_size} processes)" * (trainer.world_size > 1)
        self.say(f"{learning(pl_module)}; steps {self.step}{end} on {device or pl_module.device.type}")
        if self.console.is_terminal:
            text = TextColumn("{task.fields[state]}")
            self.bar = Progress(TextColumn("step"), BarColumn(bar_width=24), text, console=self.console)
            total = trainer.max_steps if trainer.max_steps >= 0 else None
            self.task = self.bar.add_task("", total=total, completed=self.step, state="")
            self.bar.start()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: object,
        batch_idx: int,
    ) -> None:
        """Remember the loss; draw or write if it is time."""
        loss = outputs["loss"].detach() * trainer.accumulate_grad_batches
        self.loss = loss if self.loss is None else torch.lerp(self.loss, loss, _RECENT)
        if trainer.global_step == self.step:
            return
        self.step, now = trainer.global_step, time.monotonic()
        self.first = self.first or (now, self.step)
        if self.bar is not None and now > self.drawn + _REDRAWN:
            self.drawn = now
            self.bar.update(self.task, completed=self.step, state=self.state(trainer))
        if now > self.due and trainer.is_global_zero:
            self.pause = min(2 * self.pause, max(self.every, _FIRST))
            self.due = now + self.pause
            self._write(self.state(trainer), aloud=self.bar is None)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say what was measured."""
        if trainer.is_global_zero and not trainer.sanity_checking and trainer.state.fn == "fit":
            self.say(f"step {trainer.global_step}: {measured(trainer.callback_metrics)}")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say how it ended."""
        self.close()
        if trainer.is_global_zero and self.loss is not None and self.began is not None:
            took = duration(time.monotonic() - self.began)
            self.say(f"step {trainer.global_step}, loss {float(self.loss):.4g}: ended after {took}")

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Put the terminal in order, and keep the reason; before the run has begun, the log is an earlier one's."""
        self.close()
        if trainer.is_global_zero and self.began is not None:
            self._write(f"step {trainer.global_step}: {type(exception).__name__} {exception}")

    def state(self, trainer: L.Trainer) -> str:
        """Step, loss, speed and the time that is left."""
        of = f"/{trainer.max_steps}" if trainer.max_steps >= 0 else ""
        loss = f"loss {float(self.loss):.4g}" if self.loss is not None else ""
        speed, left = self.speed(), self.left(trainer)
        parts = [f"{self.step}{of}", loss, f"{speed:.3g} steps/s" if speed else ""]
        parts += [f"{duration(left)} left"] if left is not None else []
        return "  ".join(part for part in parts if part)

    def speed(self) -> float:
        """Steps a second since the first one, validations included; 0 before there is anything to tell."""
        if self.first is None or self.step == self.first[1]:
            return 0.0
        return (self.step - self.first[1]) / (time.monotonic() - self.first[0])

    def left(self, trainer: L.Trainer) -> Seconds | None:
        """The time to the end, None where nothing is known of it."""
        callbacks: list[L.Callback] = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue] (Lightning adds it)
        timers = [callback for callback in callbacks if isinstance(callback, Timer)]
        ends = [left for timer in timers if (left := timer.time_remaining()) is not None]
        if trainer.max_steps >= 0 and (speed := self.speed()):
            ends.append((trainer.max_steps - self.step) / speed)
        return max(0.0, min(ends)) if ends else None

    def say(self, text: str) -> None:
        """Print a line and keep it."""
        self._write(text, aloud=True)

    def close(self) -> None:
        """Leave the bar."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _write(self, text: str, *, aloud: bool = False) -> None:
        if aloud:
            (self.bar.console if self.bar else self.console).print(text, markup=False)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")


def learning(module: nn.Module) -> str:
    """The number of parameters, and that of those that learn."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in module.parameters()]
    learn, both = sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes)
    return f"{amount(learn)} of {amount(both)} parameters learn"


def measured(found: Mapping[str, Tensor]) -> str:
    """The metrics of a validation in a line, with their units."""
    values = {name.removeprefix("valid/"): float(value) for name, value in found.items() if name.startswith("valid/")}
    return f"validation {metrics(values)}"
