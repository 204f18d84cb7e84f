"""The number of threads that `vocode` takes unless it is told, and how a command ends."""

import contextlib
import os
import sys

import pytest
import torch

from audiodiff.cli import main, threads
from audiodiff.cli.threads import allowed_cores, idle_cores


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine of eight cores without quotas, on which torch takes eight threads; its load is what is set."""

    def with_load(load, quota=None):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
        monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
        if quota is not None:
            (tmp_path / "cpu.max").write_text(quota)

    return with_load


@pytest.mark.parametrize(("load", "expected"), [(0.0, 8), (0.4, 8), (3.2, 5), (7.9, 1), (40.0, 1)])
def test_busy_cores_are_left_to_those_who_use_them(machine, load, expected):
    machine(load)
    assert idle_cores() == expected


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000\n", 8), ("150000 100000\n", 2), ("50000 100000\n", 1), ("9000000 100000", 8)]
)
def test_a_container_s_quota_counts(machine, quota, expected):
    machine(0.0, quota)
    assert allowed_cores() == idle_cores() == expected


def test_what_the_environment_says_holds(machine, monkeypatch):
    machine(40.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    assert idle_cores() is None


def test_torch_s_own_bound_holds(machine, monkeypatch):
    machine(0.0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert idle_cores() == 4


@pytest.mark.parametrize("arguments", [["--version"], ["no-such-command"]])
def test_a_command_ends_the_group_of_processes_that_it_was_in(tmp_path, monkeypatch, arguments):
    def joined() -> bool:
        return torch.distributed.is_initialized()

    def in_a_group(**settings: object) -> None:
        torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
        assert joined()
        app(**settings)

    app = main.app
    monkeypatch.setattr(main, "app", in_a_group)
    monkeypatch.setattr(sys, "argv", ["audiodiff", *arguments])
    with contextlib.suppress(SystemExit):
        main.main()
    assert not joined()
