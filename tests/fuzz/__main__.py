"""`python -m tests.fuzz --n 3000`: many odd inputs, each run in a process of its own, and the counts by outcome."""

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path

import audiodiff.bulk.vocoding
import audiodiff.cli.mel_extract
import audiodiff.data.shards
import audiodiff.evaluation.comparison
import audiodiff.experiment.run  # noqa: F401 (all of them once, before there are children)
from tests.fuzz.outcomes import GENERATORS, GOOD, ended, made, summed

PATIENCE = 40.0
"""Seconds after which a run counts as hanging; it is killed then."""


def child(family: str, number: int, folder: str, pipe: multiprocessing.connection.Connection) -> None:
    """Make a case, run it, and send how it ended."""
    case = made(family, number, Path(folder) / f"{family}-{number}")
    end, text = ended(case)
    pipe.send((end, case.about, text))


def one(family: str, number: int, folder: str) -> tuple[str, str, str]:
    """How a case ends in a process of its own: a crash or a hang is an end, too."""
    mine, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=child, args=(family, number, folder, theirs))
    process.start()
    theirs.close()
    try:
        found = mine.recv() if mine.poll(PATIENCE) else ("hangs", "", "")
    except EOFError:
        process.join()
        found = (f"crash {process.exitcode}", "", "")
    process.kill()
    process.join()
    return found


def run() -> int:
    """Run the cases and print the counts and every fault; the exit code is the number of faults, up to 100."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=3000, help="how many inputs")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one of every family")
    parser.add_argument("--only", choices=GENERATORS, nargs="+", default=list(GENERATORS), help="families")
    arguments = parser.parse_args()
    ends, started = [], time.perf_counter()
    for index in range(arguments.n):
        family = arguments.only[index % len(arguments.only)]
        number = arguments.first + index // len(arguments.only)
        with tempfile.TemporaryDirectory() as folder:
            end, about, text = one(family, number, folder)
        ends.append((family, end, about))
        if end not in GOOD:
            print(f"{family} {number}: {end}: {about}\n    {text[-400:]}", flush=True)
    print(f"{len(ends)} inputs in {time.perf_counter() - started:.0f} s\n\n{summed(ends)}")
    return min(100, sum(end not in GOOD for _, end, _ in ends))


if __name__ == "__main__":
    raise SystemExit(run())
