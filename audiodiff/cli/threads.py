"""The number of threads of a command, and its group of processes."""

import os
import sys
from math import ceil
from pathlib import Path

from audiodiff.errors import ConfigError

_MOST = 1024
"""More than any machine has; the run-time library of threads crashes on numbers far beyond."""
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Microseconds of computing, or `max`, and the microseconds that they are for: what a container may take."""


def set_threads(threads: int | None) -> None:
    """Use that many CPU threads; None leaves torch's own choice. Raises `ConfigError` for more than 1024."""
    import torch

    if threads is not None and threads > _MOST:
        raise ConfigError(f"--threads {threads}: expected at most {_MOST}, and no more than the machine has cores")
    if threads is not None:
        torch.set_num_threads(threads)


def idle_cores() -> int | None:
    """As many threads as cores were idle in the last minute, at least one and at most as many as torch would take.

    torch's threads wait for each other at every operation: one that has to share its core holds up all others. None
    where `OMP_NUM_THREADS` says how many threads there shall be.
    """
    import torch

    if "OMP_NUM_THREADS" in os.environ:
        return None
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, min(round(allowed_cores() - busy), torch.get_num_threads()))


def allowed_cores() -> int:
    """Cores that the scheduler and the container leave to this process."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit, _, period = _QUOTA.read_text().partition(" ") if _QUOTA.is_file() else ("max", "", "")
    return cores if limit == "max" else max(1, min(cores, ceil(int(limit) / int(period))))


def end_process_group() -> None:
    """End the group that Lightning may have begun: its threads abort an interpreter that ends before they do."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
