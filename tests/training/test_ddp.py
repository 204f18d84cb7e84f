"""Two processes on one CPU, by gloo, as torchrun would start them."""

import csv
import os
import signal
import socket
import time
from datetime import timedelta
from multiprocessing import get_context

import pytest
import torch
from torch.testing import assert_close

from audiodiff.noise import seed_of
from audiodiff.training.process_group import leave_group
from tests.training.test_resume import Killed, logged
from tests.training.test_stopping import Ages, rarely
from tests.training.toys import ITEMS, Noisy, Numbers, Record, run

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, checkpoint folders, deprecations
STEPS = 6
"""Two epochs: 12 items are 3 batches of 2 for each of 2 processes."""


def one_rank(rank: int, port: int, folder, kwargs) -> None:
    """What one process of the job does."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0"}
    torch.set_num_threads(1)
    record = Record()
    die = [Killed(kwargs.pop("die_at"))] if rank == 1 and "die_at" in kwargs else []
    kwargs.pop("die_at", None)
    ends = [rarely(folder), Ages(kwargs.pop("ages"))] if "ages" in kwargs else []
    trainer = run(folder, record, *die, *ends, devices=2, strategy="ddp", **kwargs)
    module = trainer.lightning_module
    average = next(callback for callback in trainer.callbacks if hasattr(callback, "_average_model"))
    found = {
        "keys": record.keys,
        "losses": record.losses,
        "gradients": record.gradients,
        "weights": module.objective.state_dict(),
        "average": average._average_model.module.objective.state_dict(),
    }
    torch.save(found, folder / f"rank{rank}.pt")
    trainer.strategy.barrier()
    leave_group()


def job(folder, **kwargs) -> list[int]:
    """Run both processes and return their exit codes; a hang is a failure."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(exist_ok=True)
    fresh = get_context("spawn")  # what a fork inherits of OpenMP's threads would hang
    ranks = [fresh.Process(target=one_rank, args=(rank, port, folder, dict(kwargs))) for rank in range(2)]
    for process in ranks:
        process.start()
    end = time.monotonic() + 240
    for process in ranks:
        process.join(max(0, end - time.monotonic()))
    hanging = [process for process in ranks if process.is_alive()]
    for process in hanging:
        process.kill()
    assert not hanging, "a process hangs"
    return [process.exitcode for process in ranks]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What the two processes of one job saw."""
    folder = tmp_path_factory.mktemp("ddp")
    assert job(folder, steps=STEPS) == [0, 0]
    return [torch.load(folder / f"rank{rank}.pt") | {"folder": folder} for rank in range(2)]


def test_ranks_share_every_epoch_out(both):
    orders = []
    for epoch in range(2):
        batches = range(3 * epoch, 3 * epoch + 3)
        seen = [[index for number in batches for _, index in rank["keys"][number]] for rank in both]
        assert sorted(seen[0] + seen[1]) == list(range(ITEMS))
        orders.append(seen)
    assert orders[0] != orders[1]


def test_ranks_stay_equal(both):
    for part in ("weights", "average"):
        assert_close(both[0][part], both[1][part], rtol=0, atol=0)
    assert_close(both[0]["gradients"], both[1]["gradients"], rtol=0, atol=0)
    assert not torch.equal(both[0]["weights"]["layer.weight"], both[0]["average"]["layer.weight"])


def test_the_loss_in_the_log_is_the_mean_over_the_ranks(both):
    """And its steps are all of them; the norm of the gradient is the same everywhere."""
    with open(both[0]["folder"] / "log" / "metrics.csv", newline="") as file:
        found = [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert found == pytest.approx([(both[0]["losses"][step] + both[1]["losses"][step]) / 2 for step in range(STEPS)])


def test_the_gradient_is_the_mean_of_the_ranks_own(both):
    """Each has its batch, and noise that its rank has a part in."""
    torch.manual_seed(0)
    objective = Noisy()
    for rank, found in enumerate(both):
        wave = torch.stack([Numbers()[tuple(key)]["wave"] for key in found["keys"][0]])
        torch.manual_seed(seed_of(5, 0, 0, rank))
        loss = objective(wave, None)["loss"]
        assert found["losses"][0] == pytest.approx(loss.item())
        (loss / len(both)).backward()
    assert_close(both[0]["gradients"][0], objective.layer.weight.grad)
    assert both[0]["losses"][0] != both[1]["losses"][0]


def test_a_nan_on_one_rank_stops_both(tmp_path, both):
    """The gradients are averaged before they are checked, so nobody waits for the other."""
    poison = tuple(both[0]["keys"][1][0])
    assert job(tmp_path, steps=STEPS, items=Numbers(poison=poison)) == [1, 1]
    assert sorted(path.name for path in (tmp_path / "nan").iterdir()) == ["step1-rank0.pt", "step1-rank1.pt"]


def test_a_killed_rank_ends_the_job_and_the_run_resumes(tmp_path, both):
    codes = job(tmp_path, steps=STEPS, die_at=4)
    assert codes[1] == -signal.SIGKILL
    assert codes[0] not in (0, None)
    assert job(tmp_path, steps=STEPS, resume=tmp_path / "step=4.ckpt") == [0, 0]
    resumed = torch.load(tmp_path / "rank0.pt")
    assert resumed["losses"] == {number: both[0]["losses"][number] for number in (4, 5)}
    assert_close(resumed["average"], both[0]["average"], rtol=0, atol=0)


def test_a_job_that_max_time_ends_goes_on_exactly(tmp_path, both):
    """Both processes stop after the same step, and the epoch in the log is that of a run that was not stopped."""
    assert job(tmp_path, steps=STEPS, ages=50, max_time=timedelta(seconds=100)) == [0, 0]
    assert torch.load(tmp_path / "last.ckpt")["global_step"] == 2
    assert job(tmp_path, steps=STEPS, resume=tmp_path / "last.ckpt") == [0, 0]
    resumed = torch.load(tmp_path / "rank0.pt")
    assert resumed["losses"] == {number: both[0]["losses"][number] for number in range(2, STEPS)}
    assert_close(resumed["average"], both[0]["average"], rtol=0, atol=0)
    assert logged(tmp_path)[-4:] == logged(both[0]["folder"])[-4:]
