"""What is not finite stops a run before it does harm, and can be looked at."""

import re
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from audiodiff.errors import InputError, TrainingError
from audiodiff.training.guard import replay
from tests.training.toys import Noisy, Numbers, Record, run

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own, and torch's about anomaly detection


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_bad_batch_is_kept_and_named(tmp_path, accumulate):
    whole = Record()
    run(tmp_path / "whole", whole, steps=6 // accumulate, accumulate_grad_batches=accumulate)
    poison = tuple(whole.keys[4][0])
    items = Numbers(poison=poison)
    with pytest.raises(TrainingError, match="not finite in the batch: wave") as caught:
        run(tmp_path / "run", steps=6 // accumulate, items=items, accumulate_grad_batches=accumulate)
    path = Path(re.search(r"replay=(\S+)", str(caught.value))[1])
    kept = torch.load(path, weights_only=True)
    keys = [tuple(key) for batch in kept["batches"] for key in batch["key"].tolist()]
    assert poison in keys
    assert len(keys) == 2 * accumulate
    before = torch.load(tmp_path / "run" / f"step={4 // accumulate}.ckpt")["current_model_state"]
    assert_close(kept["objective"]["layer.weight"], before["objective.layer.weight"], rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="nan"):
        replay(path, Noisy())


def test_a_replay_repeats_the_losses(tmp_path):
    """A gradient that overflows at a finite loss: the kept seeds and weights give the same loss again."""
    record = Record()

    class Overflow(Record):
        def on_after_backward(self, trainer, pl_module) -> None:
            if trainer.global_step == 2:
                pl_module.objective.layer.weight.grad.fill_(float("inf"))

    with pytest.raises(TrainingError, match="norm inf"):
        run(tmp_path, Overflow(), steps=4)
    run(tmp_path / "whole", record, steps=4)
    (path,) = (tmp_path / "nan").iterdir()
    (losses,) = replay(path, Noisy())
    assert losses["loss"] == record.losses[2]


def test_only_kept_batches_can_be_replayed(tmp_path):
    (tmp_path / "other.pt").write_text("nothing")
    for name in ("other.pt", "absent.pt"):
        with pytest.raises(InputError, match="cannot replay"):
            replay(tmp_path / name, Noisy())
