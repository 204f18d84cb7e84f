"""A checkpoint is whole or is the one before."""

import resource
from contextlib import contextmanager

import pytest
import torch

from audiodiff.errors import OutputError
from audiodiff.training.checkpoints import WholeCheckpoints


@contextmanager
def full_disk(room=1 << 16):
    """No file of this process grows beyond `room` bytes: writing fails as it does when the disk is full.

    Only while it lasts: a log that pytest itself writes may be longer.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"weights": torch.arange(9)}, path)
    with full_disk(), pytest.raises(OutputError, match="cannot write"):
        WholeCheckpoints().save_checkpoint({"weights": torch.zeros(1 << 16)}, path)
    assert torch.equal(torch.load(path)["weights"], torch.arange(9))
    assert [found.name for found in path.parent.iterdir()] == ["last.ckpt"]
