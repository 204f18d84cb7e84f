"""A run that is told to stop, or that fails, is saved after its last whole step and goes on from there exactly."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Timer

from audiodiff.training.checkpoints import LastCheckpoint, signals_end_it
from tests.conftest import ROOT
from tests.training.test_resume import assert_same_checkpoints, logged
from tests.training.toys import Record, run

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, checkpoint folders, deprecations


class At(L.Callback):
    """Does something in batch number `batch`, before or after it is computed, or in a validation."""

    def __init__(self, batch: int, act, place: str) -> None:
        self.batch, self.act, self.place = batch, act, place

    def _here(self, trainer, place: str) -> None:
        if place == self.place and trainer.fit_loop.epoch_loop.total_batch_idx == self.batch:
            self.act()

    def on_train_batch_start(self, trainer, *_) -> None:
        self._here(trainer, "start")

    def on_before_optimizer_step(self, trainer, *_) -> None:
        self._here(trainer, "step")

    def on_validation_batch_start(self, trainer, *_) -> None:
        self._here(trainer, "validation")


class Ages(L.Callback):
    """Every batch takes so many seconds, by the clock that `max_time` looks at."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_train_batch_start(self, trainer, *_) -> None:
        (timer,) = (callback for callback in trainer.callbacks if isinstance(callback, Timer))
        timer._offset += self.seconds


def fail() -> None:
    raise RuntimeError("the power went off")


def rarely(path) -> LastCheckpoint:
    return LastCheckpoint(path=str(path / "last.ckpt"), every_n_train_steps=1000)


def goes_on(tmp_path, whole: Record, first: Record, accumulate: int = 1) -> None:
    """The rest of the run makes the whole one complete: no batch twice after the last step, none left out."""
    rest = Record()
    steps = 14 // accumulate
    options = {"accumulate_grad_batches": accumulate}
    run(tmp_path / "rest", rest, steps=steps, resume=tmp_path / "last.ckpt", **options)
    done = torch.load(tmp_path / "last.ckpt")["global_step"] * accumulate
    assert {n: loss for n, loss in first.losses.items() if n < done} | rest.losses == whole.losses
    assert sorted(rest.losses)[0] == done
    assert_same_checkpoints(tmp_path / "rest" / f"step={steps}.ckpt", tmp_path / "whole" / f"step={steps}.ckpt")
    assert logged(tmp_path / "rest") == logged(tmp_path / "whole")[-(14 - done) // accumulate :]


@pytest.mark.parametrize(("batch", "place", "accumulate"), [(6, "start", 1), (11, "step", 1), (5, "start", 2)])
def test_a_run_that_fails_goes_on_from_its_last_step(tmp_path, capsys, batch, place, accumulate):
    """In the middle of an epoch, in its last batch, between two accumulated batches, in forward and in the step."""
    whole, first = Record(), Record()
    run(tmp_path / "whole", whole, steps=14 // accumulate, accumulate_grad_batches=accumulate)
    options = {"steps": 14 // accumulate, "accumulate_grad_batches": accumulate}
    with pytest.raises(RuntimeError, match="power"):
        run(tmp_path / "first", first, rarely(tmp_path), At(batch, fail, place), **options)
    assert "--resume" in capsys.readouterr().err
    goes_on(tmp_path, whole, first, accumulate)


@pytest.mark.parametrize(
    ("number", "code", "place", "batch"), [(signal.SIGTERM, 143, "start", 6), (signal.SIGINT, 130, "validation", 7)]
)
def test_a_signal_ends_the_run_after_the_step_under_way(tmp_path, capsys, number, code, place, batch):
    before = signal.getsignal(number)
    whole, first = Record(), Record()
    run(tmp_path / "whole", whole, steps=14)
    told = At(batch, lambda: os.kill(os.getpid(), number), place)
    with pytest.raises(SystemExit) as stopped:
        run(tmp_path / "first", first, rarely(tmp_path), told, steps=14)
    assert stopped.value.code == code
    assert signal.getsignal(number) is before
    assert max(first.losses) == batch
    said = capsys.readouterr().err
    assert number.name in said
    assert str(tmp_path / "last.ckpt") in said
    goes_on(tmp_path, whole, first)


@pytest.mark.parametrize(("seconds", "accumulate", "done"), [(25, 1, 4), (17, 1, 6), (34, 2, 2)])
def test_a_run_that_max_time_ends_goes_on_exactly(tmp_path, seconds, accumulate, done):
    """Epochs in the log included: in the middle of one, at its end, and between two accumulated batches."""
    whole, first = Record(), Record()
    options = {"steps": 14 // accumulate, "accumulate_grad_batches": accumulate}
    run(tmp_path / "whole", whole, **options)
    run(tmp_path / "first", first, rarely(tmp_path), Ages(seconds), max_time=timedelta(seconds=100), **options)
    assert torch.load(tmp_path / "last.ckpt")["global_step"] == done
    goes_on(tmp_path, whole, first, accumulate)


def test_a_signal_that_ends_the_workers_too_is_still_a_signal(tmp_path, capsys):
    """Sent to the whole process group, SIGTERM kills loading workers, which the run notices as an error."""

    def told_and_failed():
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated.")

    whole, first = Record(), Record()
    run(tmp_path / "whole", whole, steps=14)
    last = rarely(tmp_path)
    with pytest.raises(SystemExit) as stopped, signals_end_it([last]):
        run(tmp_path / "first", first, last, At(6, told_and_failed, "start"), steps=14)
    assert stopped.value.code == 143
    assert str(tmp_path / "last.ckpt") in capsys.readouterr().err
    goes_on(tmp_path, whole, first)


def test_the_average_is_not_left_in_the_weights_by_a_validation_that_fails(tmp_path):
    whole, first = Record(), Record()
    run(tmp_path / "whole", whole, steps=14)
    with pytest.raises(RuntimeError, match="power"):
        run(tmp_path / "first", first, rarely(tmp_path), At(3, fail, "validation"), steps=14)
    goes_on(tmp_path, whole, first)


def test_the_command_exits_with_143(tmp_path):
    """As `timeout`, Kubernetes and SLURM stop it."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.training.test_stopping import At, rarely\n"
        "from tests.training.toys import run\n"
        "folder = Path(sys.argv[1])\n"
        "run(folder, rarely(folder), At(2, lambda: os.kill(os.getpid(), signal.SIGTERM), 'start'), steps=9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 143, ended.stderr
    assert torch.load(tmp_path / "last.ckpt")["global_step"] == 3
