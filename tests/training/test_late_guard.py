"""A GPU is not waited for: the check of a step is read when the next one is queued, and nothing comes of that.

Told by a CPU that is taken for a device which works behind the host; its fused optimizers skip steps as those of a GPU.
"""

import lightning as L
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from audiodiff.errors import TrainingError
from audiodiff.experiment.config import build, compose_config
from audiodiff.training.checkpoints import LastCheckpoint
from audiodiff.training.given_settings import apply_settings, settings_of
from audiodiff.training.guard import Answer, skips
from audiodiff.training.module import optimizer_on_its_device
from audiodiff.training.watch import Watch
from tests.training.test_resume import assert_same_checkpoints
from tests.training.toys import Numbers, Record, run

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, checkpoint folders, deprecations


@pytest.fixture
def late(monkeypatch):
    """The answers of the CPU are read late."""
    monkeypatch.setattr("audiodiff.training.guard.LATE", {"cpu"})


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """The key of the first item of every batch."""
    run(tmp_path_factory.mktemp("whole"), whole := Record(), steps=10)
    return {number: tuple(found[0]) for number, found in whole.keys.items()}


def failed(folder, steps: int, poison: tuple[int, int], record: Record, accumulate: int = 1) -> dict:
    """The evidence of a run that met something not finite, and left `last.ckpt`."""
    last = LastCheckpoint(path=str(folder / "last.ckpt"), every_n_train_steps=1000)
    options = {"keep": 1000, "fused": True, "items": Numbers(poison=poison), "accumulate_grad_batches": accumulate}
    with pytest.raises(TrainingError, match="not finite in the batch: wave"):
        run(folder, record, last, steps=steps, **options)
    (path,) = (folder / "nan").iterdir()
    return torch.load(path, weights_only=True) | {"name": path.name}


@pytest.mark.parametrize(
    ("batch", "accumulate", "seen"),
    [(2, 1, 2), (5, 1, 4), (7, 1, 6), (9, 1, 9), (8, 2, 10)],
    ids=["within an epoch", "its last", "before a validation", "second epoch", "accumulated"],
)
def test_a_step_that_is_not_finite_was_none(tmp_path, monkeypatch, keys, batch, accumulate, seen):
    """What is saved is, in weights, moments, averages, rates and counts, bitwise that of a run that waits."""
    steps, reads = 14 // accumulate, Record()
    expected = failed(tmp_path / "waits", steps, keys[batch], Record(), accumulate)
    monkeypatch.setattr("audiodiff.training.guard.LATE", {"cpu"})
    found = failed(tmp_path / "reads", steps, keys[batch], reads, accumulate)
    assert max(reads.losses) == seen, "the batch before the one in which it was noticed"
    assert found.pop("name") == expected.pop("name") == f"step{batch // accumulate}-rank0.pt"
    assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    paths = [tmp_path / kind / "last.ckpt" for kind in ("reads", "waits")]
    assert_same_checkpoints(*paths)
    one, other = (torch.load(path) for path in paths)
    assert one["global_step"] == other["global_step"] == batch // accumulate
    assert one["averaging_state"] == other["averaging_state"]
    for name in ("epoch_loop.state_dict", "epoch_loop.batch_progress", "epoch_progress"):
        assert one["loops"]["fit_loop"][name] == other["loops"]["fit_loop"][name], name


def test_nothing_is_saved_that_is_not_known_to_be_finite(tmp_path, late, keys):
    """A checkpoint that is due in the middle of an epoch asks first."""
    with pytest.raises(TrainingError):
        run(tmp_path, steps=4, fused=True, keep=3, items=Numbers(poison=keys[2]))
    assert not (tmp_path / "step=3.ckpt").exists()


def test_a_run_that_does_not_wait_takes_the_same_steps(tmp_path, monkeypatch):
    waits, reads = Record(), Record()
    run(tmp_path / "waits", waits, steps=14, fused=True, keep=14)
    monkeypatch.setattr("audiodiff.training.guard.LATE", {"cpu"})
    run(tmp_path / "reads", reads, steps=14, fused=True, keep=14)
    assert reads.losses == waits.losses
    one, other = (torch.load(tmp_path / kind / "step=14.ckpt") for kind in ("reads", "waits"))
    assert_close(one["current_model_state"], other["current_model_state"], rtol=0, atol=0)
    assert_close(one["state_dict"], other["state_dict"])  # a lerp in one kernel or in three


class Waits(TorchDispatchMode):
    """Counts what a host would have to wait for."""

    ASKS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default, torch.ops.aten.nonzero.default)

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.asked += func in self.ASKS
        return func(*args, **(kwargs or {}))


class Steps(L.Callback):
    """Notes the waits until the beginning of every batch."""

    def __init__(self, waits: Waits) -> None:
        self.waits, self.until = waits, []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        self.until.append(self.waits.asked)


@pytest.mark.parametrize(("device", "expected"), [("cpu", 0), ("cuda", 1)])
def test_steps_in_the_steady_state_wait_for_nothing(tmp_path, monkeypatch, device, expected):
    """Forward, backward, guard, optimizer, average, watch and what is logged; where answers are not read late, one."""
    monkeypatch.setattr("audiodiff.training.guard.LATE", {device})
    read = Answer.read

    def read_behind(answer: Answer) -> bool:
        waits.asked -= 1  # what is counted at once was given while the batch was queued
        return read(answer)

    monkeypatch.setattr(Answer, "read", read_behind)
    watch = Watch(log=str(tmp_path / "train.log"))
    with Waits() as waits:
        run(tmp_path, watch, steps := Steps(waits), steps=6, fused=True, keep=6, log_every_n_steps=100)
    batches = zip(steps.until[:3], steps.until[1:4], strict=True)
    assert [after - before for before, after in batches] == [expected] * 3, "the fourth is followed by a validation"


def test_an_optimizer_is_fused_on_a_gpu_unless_it_is_said_or_gradients_are_scaled():
    """On a pretended one; `fused` is `null` in every file."""
    with FakeTensorMode():
        there, here = ([nn.Parameter(torch.empty(3, device=device))] for device in ("cuda", "cpu"))
    for name in ("adam", "adamw"):
        given = compose_config("train", [f"optimizer={name}"]).optimizer
        said = compose_config("train", [f"optimizer={name}", "optimizer.fused=false"]).optimizer
        assert skips(optimizer_on_its_device(build(given), there, scaled=False))
        assert not skips(optimizer_on_its_device(build(given), there, scaled=True))
        assert not skips(optimizer_on_its_device(build(given), here, scaled=False))
        assert not skips(optimizer_on_its_device(build(said), there, scaled=False))


def test_a_fused_optimizer_counts_on_its_device_what_a_checkpoint_counted_elsewhere():
    with FakeTensorMode():
        weight = nn.Parameter(torch.empty(3, device="cuda"))
        optimizer = torch.optim.Adam([weight], fused=True)
        optimizer.state[weight]["step"] = torch.zeros(())
        apply_settings(optimizer, settings_of(optimizer), None)
        assert optimizer.state[weight]["step"].device == weight.device
