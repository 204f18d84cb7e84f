"""Laps of several contestants on one machine: run in turn, kept, shown beside what the machine can do."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from audiodiff.audio.atomic import written_whole
from audiodiff.evaluation.timing import describe_machine

CPU = torch.device("cpu")
STAT = Path("/proc/stat")
DISTURBED = 0.08
RESULTS = Path(__file__).parent / "results"
Run = Callable[[], Any]
Laps = dict[str, list[float]]
Columns = dict[str, Callable[[str, float], str]]
console = Console(highlight=False, width=110)


def peak(dtype: torch.dtype, size: int = 1024) -> float:
    """GFLOP/s of a square product, the best of a few."""
    a, b, out = (torch.ones(size, size, dtype=dtype) for _ in range(3))
    return 2 * size**3 / min(lap(lambda: torch.mm(a, b, out=out)) for _ in range(5)) / 1e9


def lap(run: Run) -> float:
    """Seconds of one call."""
    started = perf_counter()
    run()
    return perf_counter() - started


def race(contestants: dict[str, Run], repeats: int, per: float) -> Laps:
    """Everybody in turn, `repeats` times; laps are in seconds for each of `per`, most often seconds of audio.

    A lap during which other processes took more than `DISTURBED` of the machine is not counted.
    """
    laps: Laps = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, run in contestants.items():
            before, own = busy(), process_time()
            elapsed = lap(run)
            others = (busy() - before - (process_time() - own)) / (elapsed * (os.cpu_count() or 1))
            if others <= DISTURBED:
                laps[name].append(elapsed / per)
            else:
                console.print(f"{name}: {elapsed / per:.4f} not counted, others took {others:.0%} of the machine")
    return laps


def busy() -> float:
    """Seconds that all processors together have worked for anybody so far (man 5 proc); zero where nobody tells."""
    if not STAT.exists():
        return 0.0
    user, nice, system, _, _, irq, softirq, steal = map(int, STAT.read_text(encoding="ascii").split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def kept(part: str, settings: dict[str, Any], laps: Laps, facts: dict[str, Any]) -> Laps:
    """Add the laps to those of the same settings on the same machine, and return all."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"speed-{part}.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    key = {"machine": describe_machine(CPU), **settings}
    before = next((row for row in found if row["settings"] == key), {"laps": {}})
    every = {name: before["laps"].get(name, []) + new for name, new in laps.items()}
    row = {"settings": key, "medians": {name: median(x) for name, x in every.items() if x}, "laps": every, **facts}
    with written_whole(path) as scratch:
        rows = [*(row for row in found if row["settings"] != key), row]
        scratch.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return every


def show(title: str, laps: Laps, first: str, columns: Columns | None = None) -> None:
    """A table of medians, with the ratio to the first."""
    columns = columns or {}
    table = Table("", "laps", "median", f"{first} / this", *columns, title=title)
    for name, times in ((name, times) for name, times in laps.items() if times and laps[first]):
        middle = median(times)
        ratio = f"{median(laps[first]) / middle:.2f}"
        table.add_row(name, str(len(times)), f"{middle:.4f}", ratio, *(show(name, middle) for show in columns.values()))
    console.print(table)


def rate(cost: float, peaks: dict[str, float]) -> Columns:
    """Columns for a cost in GFLOP per second of audio; a contestant's peak is that of the dtype in its name."""

    def share(name: str, rtf: float) -> str:
        own = next((peak for dtype, peak in peaks.items() if dtype in name), peaks["float32"])
        return f"{cost / rtf / own:.0%}"

    return {"GFLOP/s": lambda name, rtf: f"{cost / rtf:.0f}", "of its peak": share}
