"""Time until a process is ready: importing audiodiff beside importing torch, and the first waveform.

    python benchmarks/start.py [--runs 5] [--threads 2]

Every figure is the median over processes of their own, started in turns so that a busy machine bears on all alike.
Wall time is what a person waits; CPU time hardly depends on what else runs.
"""

import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import Annotated

import typer

FIRST_WAVEFORM = """
import torch
from audiodiff import Vocoder
torch.set_num_threads({threads})
vocoder = Vocoder.from_pretrained()
mel = torch.full((vocoder.mel_spec.n_mels, 86), -6.0)
assert len(vocoder(mel, spec=vocoder.mel_spec)) == 86 * vocoder.mel_spec.hop_length
"""
PROGRAMS = {"import torch": "import torch", "import audiodiff": "import audiodiff", "first waveform": FIRST_WAVEFORM}


@dataclass(frozen=True)
class Cost:
    """Seconds that a process took."""

    wall: float
    cpu: float


def run(program: str, threads: int) -> Cost:
    """Run Python code in a process of its own."""
    before, started = cpu_seconds(), time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    subprocess.run([sys.executable, "-c", program.replace("{threads}", str(threads))], check=True, env=environment)
    return Cost(time.perf_counter() - started, cpu_seconds() - before)


def cpu_seconds() -> float:
    """Processor time of all finished child processes together."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main(
    runs: Annotated[int, typer.Option(min=1, help="Processes for every figure.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Threads for every process.")] = 2,
) -> None:
    """Print the medians and the ratio of the imports; the first round, which fills the disk's cache, is not counted."""
    rounds = [{name: run(program, threads) for name, program in PROGRAMS.items()} for _ in range(runs + 1)][1:]
    for name in PROGRAMS:
        wall, cpu = (median(getattr(costs[name], kind) for costs in rounds) for kind in ("wall", "cpu"))
        print(f"{name:17} {wall:6.2f} s wall, {cpu:6.2f} s CPU")
    for kind in ("wall", "cpu"):
        ratio = median(
            getattr(costs["import audiodiff"], kind) / getattr(costs["import torch"], kind) for costs in rounds
        )
        print(f"import audiodiff / import torch: {ratio:.2f} ({kind})")


if __name__ == "__main__":
    typer.run(main)
