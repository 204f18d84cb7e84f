"""`python -m tests.fuzz --n 3000`: many odd inputs, run in processes beside this one, and the counts by outcome."""

import argparse
import gc
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import audiodiff.bulk.vocoding
import audiodiff.cli.mel_extract
import audiodiff.data.shards
import audiodiff.evaluation.comparison
import audiodiff.experiment.run  # noqa: F401 (all of them once, before there are children)
from tests.fuzz.outcomes import GENERATORS, GOOD, ended, made, summed

CASES_OF_A_CHILD = 100
"""Cases that a process runs, one after the other, as long as all end well; each fault ends it."""
Found = tuple[str, str, str]
"""A word for the end, what the case is about, and what was printed."""


def child(pipe: Connection) -> None:
    """Make the cases that are asked for, run them, and send how they ended."""
    while True:
        family, number, folder = pipe.recv()
        case = made(family, number, Path(folder) / f"{family}-{number}")
        end, text = ended(case)
        pipe.send((end, case.about, text))


class Children:
    """One process after the other, each for some cases; a crash or a hang is an end, too."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.process: BaseProcess | None = None
        self.cases = 0

    def run(self, family: str, number: int, folder: str) -> Found:
        """Run a case in the process at hand, or in a new one."""
        if self.process is None:
            self.begin()
        self.cases += 1
        self.pipe.send((family, number, folder))
        try:
            found = self.pipe.recv() if self.pipe.poll(self.patience) else ("hangs", "", "")
        except EOFError:
            self.process.join()
            found = (f"crash {self.process.exitcode}", "", "")
        if found[0] not in GOOD or self.cases == CASES_OF_A_CHILD:
            self.end()
        return found

    def begin(self) -> None:
        """Start a process."""
        self.pipe, theirs = multiprocessing.Pipe()
        self.process, self.cases = multiprocessing.get_context("fork").Process(target=child, args=(theirs,)), 0
        self.process.start()
        theirs.close()

    def end(self) -> None:
        """Kill the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
        self.process = None


def run() -> int:
    """Run the cases and print the counts and every fault; the exit code is the number of faults, up to 100."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=3000, help="how many inputs")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one of every family")
    parser.add_argument("--only", choices=GENERATORS, nargs="+", default=list(GENERATORS), help="families")
    parser.add_argument("--patience", type=float, default=40.0, help="seconds after which a run counts as hanging")
    arguments = parser.parse_args()
    ends, started, children = [], time.perf_counter(), Children(arguments.patience)
    gc.freeze()
    for index in range(arguments.n):
        family = arguments.only[index % len(arguments.only)]
        number = arguments.first + index // len(arguments.only)
        with tempfile.TemporaryDirectory() as folder:
            end, about, text = children.run(family, number, folder)
        ends.append((family, end, about))
        if end not in GOOD:
            print(f"{family} {number}: {end}: {about}\n    {text[-400:]}", flush=True)
        if index % 300 == 299 or index == arguments.n - 1:
            print(f"{len(ends)} inputs in {time.perf_counter() - started:.0f} s\n\n{summed(ends)}\n", flush=True)
    children.end()
    return min(100, sum(end not in GOOD for _, end, _ in ends))


if __name__ == "__main__":
    raise SystemExit(run())
