"""`python -m tests.kills --training 20 --bulk 20`: `kill -9` at random moments, and what was lost by it.

A small training and a bulk run are killed again and again and go on each time; in the end they must have made what
runs that nobody disturbed make. Half of the moments lie while a checkpoint, a bundle or a result is written.
"""

import argparse
import contextlib
import csv
import io
import logging
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from unittest.mock import patch

import lightning as L
import numpy as np
import torch

import audiodiff.bulk.vocoding
import audiodiff.experiment.best_bundle
import audiodiff.training.checkpoints
from audiodiff.audio import load_audio
from audiodiff.audio.scratch import scratch_keys
from audiodiff.bundle.format import load_bundle
from audiodiff.cli.main import main as command_line
from audiodiff.experiment.run import train
from tests.runs import small
from tests.tiny_voices import mel_of

SLOW = 0.02
"""Seconds that a file more takes to be written, as on a slow disk."""
EVERY = 4
"""Steps from one checkpoint to the next."""
FILES = 24
"""Files of a bulk run."""
WRITERS = {
    "a checkpoint is written": (audiodiff.training.checkpoints.torch, "save"),
    "a bundle is written": (audiodiff.bundle.format, "save_file"),
    "a result is written": (audiodiff.bulk.vocoding, "save_audio"),
    "a file is vocoded": (audiodiff.bulk.vocoding, "find_mel"),
}
"""Functions that are at work in these moments."""
Work = Callable[[Path, Connection | None], None]


@dataclass(frozen=True)
class Moment:
    """The moment of a kill: `delay` seconds after the `count`-th time that `what` begins in a process."""

    what: str
    count: int
    delay: float


class Steps(L.Callback):
    """Tells of every step that it begins or, in the end, has come to."""

    def __init__(self, tell: Callable[[str, int], None]) -> None:
        self.tell = tell

    def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
        self.tell("a step is taken", trainer.global_step)


def training(folder: Path, pipe: Connection | None, *, steps: int) -> None:
    """Train, from the last checkpoint if there is one."""
    resume = ["resume=last"] * (folder / "runs/train/checkpoints/last.ckpt").exists()
    again = ["overwrite=true"] * (not resume)
    config = small(folder, f"trainer.max_steps={steps}", f"trainer.val_check_interval={EVERY}", *resume, *again)
    with patch("audiodiff.experiment.run.RunFolder.on_train_batch_start", Steps(teller(pipe)).on_train_batch_start):
        train(config)


def bulk(folder: Path, pipe: Connection | None) -> None:
    """Vocode a folder of mels."""
    arguments = [str(folder / "mels"), "-o", str(folder / "out"), "--model", "ljspeech-tiny", "--steps", "1"]
    with patch.object(sys, "argv", ["audiodiff", "vocode", *arguments, "--as", "model"]):
        command_line()


def teller(pipe: Connection | None) -> Callable[[str, int], None]:
    """A function that tells the parent of a moment."""
    return lambda what, count: pipe.send((what, count)) if pipe is not None else None


def child(work: Work, folder: Path, pipe: Connection) -> None:
    """Do the work and tell of every moment."""
    with contextlib.ExitStack() as stack, contextlib.redirect_stdout(io.StringIO()):
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for what, (module, name) in WRITERS.items():
            stack.enter_context(patch.object(module, name, told(getattr(module, name), what, teller(pipe))))
        work(folder, pipe)
    pipe.send(("the end", 1))


def told(function: Callable[..., object], what: str, tell: Callable[[str, int], None]) -> Callable[..., object]:
    """The function, which tells when it begins and is slow to end."""

    def slower(*arguments: object, **named: object) -> object:
        tell(what, 1)
        result = function(*arguments, **named)
        time.sleep(SLOW)
        return result

    return slower


def killed(work: Work, folder: Path, moment: Moment | None) -> tuple[bool, int]:
    """Do the work in a process that is killed at the moment; tell whether it came to it, and the step it was at."""
    mine, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=child, args=(work, folder, theirs))
    process.start()
    theirs.close()
    seen, step, told_of = 0, 0, ""
    with contextlib.suppress(EOFError):
        while told_of != "the end":
            told_of, count = mine.recv()
            step = count if told_of == "a step is taken" else step
            seen += moment is not None and told_of == moment.what
            if moment is not None and seen == moment.count:
                time.sleep(moment.delay)
                process.kill()
                break
    process.join()
    if process.exitcode not in (0, -9):
        raise SystemExit(f"a run that should go on failed with exit code {process.exitcode}")
    return process.exitcode == -9, step


def moments(n: int, writing: list[str], else_: str, most: int, seed: int) -> Iterator[Moment]:
    """Random moments, every other one while something is written."""
    chance = Random(seed)
    for index in range(n):
        if index % 2:
            yield Moment(chance.choice(writing), 1, chance.uniform(0, 1.5 * SLOW))
        else:
            yield Moment(else_, chance.randint(1, most), chance.uniform(0, 0.1))


def half_written(folder: Path) -> int:
    """Number of scratch files in a folder."""
    return sum(bool(scratch_keys(path)) for path in folder.rglob("*"))


def checkpoint(folder: Path) -> dict:
    """The last checkpoint, which must be whole, or an empty one where there is none yet."""
    path = folder / "runs/train/checkpoints/last.ckpt"
    return torch.load(path, weights_only=True) if path.exists() else {"global_step": 0}


def kill_trainings(folder: Path, n: int, seed: int) -> bool:
    """Kill a training n times and let it come to its end; print a table, return whether nothing was lost."""
    steps = EVERY * (n + 2)

    def work(place: Path, pipe: Connection | None) -> None:
        training(place, pipe, steps=steps)

    print(f"| kill | while | steps taken | steps kept | lost | scratch files | bundle |\n|{'---|' * 7}", flush=True)
    lost, alive = [], folder / "alive"
    writing = ["a checkpoint is written", "a bundle is written"]
    for number, moment in enumerate(moments(n, writing, "a step is taken", 2 * EVERY, seed), start=1):
        came, step = killed(work, alive, moment)
        kept, bundle = checkpoint(alive)["global_step"], alive / "runs/train/bundle"
        state = "none yet" if not bundle.exists() else f"whole ({load_bundle(bundle).name})"
        step = max(step, kept)  # the step was over, and nobody was told
        lost.append(step - kept)
        what = moment.what if came else "not killed: the run was over"
        print(f"| {number} | {what} | {step} | {kept} | {lost[-1]} | {half_written(alive)} | {state} |", flush=True)
    for place in (alive, folder / "undisturbed"):
        killed(work, place, None)
    ours, theirs = checkpoint(alive), checkpoint(folder / "undisturbed")
    exact = all(same(ours[part], theirs[part]) for part in ("state_dict", "current_model_state", "optimizer_states"))
    log = rows(alive) == rows(folder / "undisturbed")
    good = exact and log and max(lost) <= EVERY and not half_written(alive)
    print(
        f"\nat most {max(lost)} steps lost, with a checkpoint every {EVERY}; after step {ours['global_step']} weights, "
        f"averages and optimizer {'are' if exact else 'are NOT'} those of the run that was not killed, bit by bit; the "
        f"log {'is' if log else 'is NOT'} its log; {half_written(alive)} scratch files are left\n",
        flush=True,
    )
    return good


def rows(folder: Path) -> list[tuple[str, str]]:
    """Step and loss of every step in the log."""
    with (folder / "runs/train/csv/metrics.csv").open(newline="") as file:
        return [(row["step"], row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]


def same(one: object, other: object) -> bool:
    """Compare trees of tensors bit by bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return isinstance(other, list | tuple) and len(one) == len(other) and all(map(same, one, other))
    return one == other


def kill_bulk_runs(folder: Path, n: int, seed: int) -> bool:
    """Kill a bulk run n times and let it come to its end; print a table, return whether nothing was lost."""
    places = alive, other = folder / "alive", folder / "undisturbed"
    for place in places:
        (place / "mels").mkdir(parents=True)
        for index in range(FILES):
            np.save(place / "mels" / f"{index:02}.npy", mel_of(40 + 3 * index).numpy())
    killed(bulk, other, None)
    print(f"| kill | while | results | of them damaged | scratch files |\n|{'---|' * 5}", flush=True)
    good, most = True, 0
    for number, moment in enumerate(moments(n, ["a result is written"], "a file is vocoded", 3, seed), start=1):
        came, _ = killed(bulk, alive, moment)
        done = sorted(path.name for path in (alive / "out").glob("[!.]*"))
        bad = [name for name in done if not torch.equal(*(load_audio(place / "out" / name) for place in places))]
        good, most = good and not bad and len(done) >= most, max(most, len(done))
        what = moment.what if came else "not killed: the run was over"
        print(f"| {number} | {what} | {len(done)} | {len(bad)} | {half_written(alive)} |", flush=True)
    killed(bulk, alive, None)
    ours, theirs = ([path.read_bytes() for path in sorted((place / "out").glob("*.wav"))] for place in places)
    equal = ours == theirs and len(ours) == FILES
    print(
        f"\nno result was lost; in the end all {FILES} {'are' if equal else 'are NOT'} byte by byte those of the run "
        f"that was not killed; {half_written(alive)} scratch files are left",
        flush=True,
    )
    return good and equal and not half_written(alive)


def main() -> int:
    """Kill as often as asked for; the exit code is 1 where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--training", type=int, default=20)
    parser.add_argument("--bulk", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # so that forks inherit no threads
    logging.disable()
    good = True
    for kill, n in ((kill_trainings, arguments.training), (kill_bulk_runs, arguments.bulk)):
        with tempfile.TemporaryDirectory() as folder:
            good = (not n or kill(Path(folder), n, arguments.seed)) and good
    return int(not good)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    raise SystemExit(main())
