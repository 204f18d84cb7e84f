"""Clocks and memory."""

import time

import pytest
import torch

from audiodiff.evaluation.timing import RESET, PeakMemory, describe_machine, timed

CPU = torch.device("cpu")


def test_the_clock_runs_while_the_work_is_done():
    def work():
        time.sleep(0.05)
        return torch.ones(3)

    result, elapsed = timed(work, CPU)
    assert result.sum() == 3
    assert elapsed >= 0.05


@pytest.mark.skipif(not RESET.exists(), reason="peak memory is read from Linux's /proc")
def test_the_peak_is_that_of_the_work_and_not_of_what_came_before():
    before = torch.ones(200 * 2**20, dtype=torch.uint8)
    del before
    memory = PeakMemory(CPU)
    base = memory.mebibytes()
    held = torch.ones(100 * 2**20, dtype=torch.uint8)
    del held
    assert 90 < memory.mebibytes() - base < 130


def test_the_machine_is_described():
    machine = describe_machine(CPU)
    assert machine["threads"] == torch.get_num_threads()
    assert machine["torch"] == torch.__version__
    assert machine["cores"] >= 1
