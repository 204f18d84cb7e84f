"""Seconds and bytes: how fast a vocoder is on this machine, and how much memory it takes."""

import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from audiodiff.types import Seconds

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
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
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif RESET.exists():
            RESET.write_text("5")  # man 5 proc: resets the peak resident set size

    def mebibytes(self) -> float | None:
        """The peak in MiB; None where the system keeps no such record (outside Linux)."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / MIB
        if not RESET.exists():
            return None
        lines = STATUS.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def describe_machine(device: torch.device) -> dict[str, str | int]:
    """What results depend on: processor, cores, threads, versions."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    described = {
        "processor": names[0] if names else platform.processor(),
        "cores": torch.get_num_threads() if not names else len(names),
        "threads": torch.get_num_threads(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if device.type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
    return described
