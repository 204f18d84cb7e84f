"""A few kills of `python -m tests.kills`, in a process of its own, since it forks."""

import subprocess
import sys

from tests.conftest import ROOT


def test_a_killed_training_and_a_killed_bulk_run_lose_nothing():
    command = [sys.executable, "-m", "tests.kills", "--training", "2", "--bulk", "2", "--seed", "1"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "bit by bit" in run.stdout
    assert "byte by byte" in run.stdout
