"""Launches and waits of a training step, by what torch dispatches: `python -m tests.training.launches [OVERRIDES]`.

On a processor that is taken for a GPU: its optimizers are those that a GPU gets, and answers are read a step later. A
function for many tensors is one launch, as on a GPU where they fit into one; views are none.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import lightning as L
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from audiodiff.experiment.run import fit
from audiodiff.training.guard import Answer
from tests.runs import small

ASKS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default, torch.ops.aten.nonzero.default)
"""What a host has to wait for."""
NOTHING = (torch.ops.aten.detach.default, torch.ops.aten.empty_like.default, torch.ops.aten.empty.memory_format)
"""What launches nothing, beside views."""


class Launches(TorchDispatchMode):
    """Counts launches and waits."""

    def __init__(self) -> None:
        super().__init__()
        self.launches = self.asked = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.asked += func in ASKS
        self.launches += func not in (*ASKS, *NOTHING) and not func.is_view
        return func(*args, **(kwargs or {}))


class Steps(L.Callback):
    """Notes launches and waits until the beginning of every batch."""

    def __init__(self, counts: Launches) -> None:
        self.counts, self.until = counts, []

    def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
        self.until.append((self.counts.launches, self.counts.asked))


def counted(*overrides: str) -> tuple[int, int]:
    """Launches and waits of a step in the steady state."""
    read = Answer.read

    def read_behind(answer: Answer) -> bool:
        counts.asked -= 1  # given while the batch was queued
        return read(answer)

    limits = ["trainer.max_steps=5", "trainer.val_check_interval=100", "trainer.log_every_n_steps=100"]
    late = mock.patch("audiodiff.training.guard.LATE", {"cpu"})
    with TemporaryDirectory() as folder, late, mock.patch("audiodiff.training.watch._FIRST", 3600.0):
        config = small(Path(folder), *overrides, *limits)
        config.network.layers = 30
        config.data.batch_size, config.data.workers = 1, 1
        with mock.patch.object(Answer, "read", read_behind), Launches() as counts:
            fit(config, steps := Steps(counts))
    (launches, asked), (later, asked_later) = steps.until[2:4]
    return later - launches, asked_later - asked


if __name__ == "__main__":
    found = counted("experiment=ljspeech_diffwave", "optimizer.fused=true", *sys.argv[1:])
    print("{} launches, {} waits".format(*found))
