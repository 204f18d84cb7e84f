"""A run that was stopped anywhere goes on as if nothing had happened."""

import csv
import os
import signal
from multiprocessing import get_context

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.testing import assert_close

from audiodiff.training.average import WeightAverage
from audiodiff.training.checkpoints import LastCheckpoint
from tests.training.toys import ITEMS, Record, run

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, checkpoint folders, deprecations


def logged(folder) -> list[tuple[str, ...]]:
    """Epoch, step, loss and gradient norm of every training step in the log."""
    names = ("epoch", "step", "train/loss", "train/grad_norm")
    with open(folder / "log" / "metrics.csv", newline="") as file:
        return [tuple(row[name] for name in names) for row in csv.DictReader(file) if row["train/loss"]]


def assert_same_checkpoints(one, other) -> None:
    first, second = (torch.load(path, weights_only=True) for path in (one, other))
    for part in ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers"):
        assert_close(first[part], second[part], rtol=0, atol=0)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_every_checkpoint_goes_on_bitwise(tmp_path, accumulate):
    """Stops within an epoch, at its end, at a validation and in a later epoch: losses, weights, averages, log steps."""
    steps = 14 // accumulate
    whole = Record()
    run(tmp_path / "whole", whole, steps=steps, accumulate_grad_batches=accumulate)
    expected_log = logged(tmp_path / "whole")
    for stop in range(1, steps):
        start = tmp_path / "whole" / f"step={stop}.ckpt"
        again = Record()
        folder = tmp_path / f"from{stop}"
        run(folder, again, steps=steps, resume=start, accumulate_grad_batches=accumulate)
        left = sorted(whole.losses)[stop * accumulate :]
        assert sorted(again.losses) == left
        assert [again.losses[n] for n in left] == [whole.losses[n] for n in left]
        assert [again.keys[n] for n in left] == [whole.keys[n] for n in left]
        assert_same_checkpoints(folder / f"step={steps}.ckpt", tmp_path / "whole" / f"step={steps}.ckpt")
        assert logged(folder) == expected_log[stop:]


def test_a_finished_run_can_be_prolonged(tmp_path):
    """The file that is saved after the last step is the one that a longer run would have at that step."""
    whole, again = Record(), Record()
    run(tmp_path / "whole", whole, steps=8)
    run(tmp_path / "first", LastCheckpoint(path=str(tmp_path / "last.ckpt"), every_n_train_steps=3), steps=5)
    run(tmp_path / "second", again, steps=8, resume=tmp_path / "last.ckpt")
    assert again.losses == {number: loss for number, loss in whole.losses.items() if number >= 5}
    assert logged(tmp_path / "second") == logged(tmp_path / "whole")[5:]
    assert_same_checkpoints(tmp_path / "second" / "step=8.ckpt", tmp_path / "whole" / "step=8.ckpt")
    averaged, raw = (torch.load(tmp_path / "last.ckpt")[part] for part in ("state_dict", "current_model_state"))
    assert not torch.equal(averaged["objective.layer.weight"], raw["objective.layer.weight"])


def test_the_last_checkpoint_is_of_the_last_step_however_the_run_ends(tmp_path):
    path = tmp_path / "last.ckpt"
    run(tmp_path, LastCheckpoint(path=str(path), every_n_train_steps=4), steps=-1, max_epochs=1)
    assert torch.load(path)["global_step"] == ITEMS // 2


def test_the_best_checkpoint_goes_on_too(tmp_path):
    """It is written in a validation, where Lightning has counted the step but not yet logged it."""
    whole, again = Record(), Record()
    best = ModelCheckpoint(tmp_path, "best", monitor="valid/loss", mode="max", enable_version_counter=False)
    run(tmp_path / "whole", whole, best, steps=7)
    run(tmp_path / "second", again, steps=7, resume=tmp_path / "best.ckpt")
    assert again.losses == {number: whole.losses[number] for number in (4, 5, 6)}
    assert logged(tmp_path / "second") == logged(tmp_path / "whole")[4:]


class Killed(L.Callback):
    """The process dies, as by `kill -9`, before its n-th batch."""

    def __init__(self, batch: int) -> None:
        self.batch = batch

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if trainer.fit_loop.epoch_loop.total_batch_idx == self.batch:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("workers", [0, 1])
def test_kill_9_in_the_middle_of_an_epoch(tmp_path, workers):
    whole, again = Record(), Record()
    run(tmp_path / "whole", whole, steps=10)
    child = get_context("spawn").Process(
        target=run, args=(tmp_path / "killed", Killed(9)), kwargs={"steps": 10, "workers": workers}
    )
    child.start()
    child.join(180)
    assert child.exitcode == -signal.SIGKILL
    run(tmp_path / "rest", again, steps=10, resume=tmp_path / "killed" / "step=8.ckpt", workers=workers)
    assert again.losses == {number: whole.losses[number] for number in (8, 9)}


def test_the_average_is_the_recursion(tmp_path):
    """decay · average + (1 - decay) · weights after every step, beginning with the first weights and a low decay."""

    class Weights(L.Callback):
        def __init__(self) -> None:
            self.seen = []

        def on_train_start(self, trainer, pl_module) -> None:
            self.seen.append(pl_module.objective.layer.weight.detach().clone())

        def on_train_batch_end(self, trainer, pl_module, *_) -> None:
            self.seen.append(pl_module.objective.layer.weight.detach().clone())

    weights = Weights()
    run(tmp_path, weights, steps=6, val_check_interval=6)
    expected = weights.seen[0]
    for step, seen in enumerate(weights.seen[1:], start=1):
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * seen
    assert_close(torch.load(tmp_path / "step=6.ckpt")["state_dict"]["objective.layer.weight"], expected)


def test_validation_runs_on_the_average(tmp_path):
    class Seen(L.Callback):
        def on_validation_batch_end(self, trainer, pl_module, *_) -> None:
            self.weight = pl_module.objective.layer.weight.detach().clone()

    seen = Seen()
    run(tmp_path, seen, steps=4)
    checkpoint = torch.load(tmp_path / "step=4.ckpt")
    assert_close(seen.weight, checkpoint["state_dict"]["objective.layer.weight"], rtol=0, atol=0)
    assert not torch.equal(seen.weight, checkpoint["current_model_state"]["objective.layer.weight"])


def test_buffers_are_copied_not_averaged():
    """Counters would otherwise be rounded down step by step."""
    assert WeightAverage(decay=0.9)._use_buffers is False


def test_epochs_differ(tmp_path):
    record = Record()
    run(tmp_path, record, steps=2 * ITEMS // 2)
    first, second = (
        [index for number in range(start, start + 6) for _, index in record.keys[number]] for start in (0, 6)
    )
    assert sorted(first) == sorted(second) == list(range(ITEMS))
    assert first != second
