"""Seconds and bytes: how fast a vocoder is on this machine, and how much memory it takes."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from audiodiff.types import Seconds

STATUS, RESET, CPUS = Path("/proc/self/status"), Path("/proc/self/clear_refs"), Path("/proc/cpuinfo")
MIB = 2**20


def timed(run: Callable[[], Tensor], device: torch.device) -> tuple[Tensor, Seconds]:
    """The result of `run` and how long it took, with the work of a GPU finished on both sides."""
    wait(device)
    started = time.perf_counter()
    result = run()
    wait(device)
    return result, time.perf_counter() - started


def wait(device: torch.device) -> None:
    """Let a GPU finish what it was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class PeakMemory:
    """The most memory in use since this object was made: of the GPU's allocator, or resident in the process."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.recorded = device.type == "cuda" or _reset_resident_peak()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def mebibytes(self) -> float | None:
        """The peak in MiB; None where the system keeps no such record, or lets nobody reset it."""
        if not self.recorded:
            return None
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / MIB
        lines = STATUS.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def describe_machine(device: torch.device) -> dict[str, str | int]:
    """Facts that results depend on: processor, cores, threads, versions."""
    lines = CPUS.read_text(encoding="utf-8").splitlines() if CPUS.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    described = {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device.type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
    return described


def _reset_resident_peak() -> bool:
    """Start the peak of the process's resident set anew (man 5 proc); False where that cannot be done."""
    try:
        RESET.write_text("5")
    except OSError:
        return False
    return True
