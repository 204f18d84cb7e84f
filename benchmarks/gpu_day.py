"""A day with a GPU: tests, sampling and training beside lmnt's `diffwave`, and a training, each within its own time.

    python benchmarks/gpu_day.py --out OUT [--stages tests,sampling,training,train] [--minutes 4,6,6,8]
        [--experiment ljspeech_diffwave] [OVERRIDE ...]

`tests`: those of the GPU's engine. `sampling`: `gpu_speed.py sampling`, 1 x 10 s and 16 x 10 s. `training`: steps a
second (`gpu_speed.py training`), a profile of some steps, and with two GPUs some steps of `trainer=ddp`. `train`: the
experiment, until its minutes are over; it goes on from `first.ckpt` in this folder (`gpu_pack.py --checkpoint`) or
from a day before that left its run here. Overrides are those of `audiodiff train`, for `train` alone.

OUT gets few files, since not every machine hands many back: `day.json` with the exit code and the seconds of every
command, `day.txt` with all that they print, `speed-gpu.json` with every lap of `sampling`, and `train.tar` in parts
below 14 MiB (`parts.py join`): the last checkpoint, the bundle, the metrics and three clips. With `--average-only` the
checkpoint holds the averaged weights alone, to begin from with `init_from=`. The first three are written anew after
every command. Exit code 1 if one failed.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Annotated

import torch
import typer
from parts import split

from audiodiff.data import read_manifest
from audiodiff.evaluation.timing import describe_machine

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("tests", "sampling", "training", "train")
GRACE = 60
"""Seconds that a command may take to save what it has, once its time is over."""
CLIPS = 3


@dataclass
class Day:
    """The commands of a day: run one by one, their output and outcome kept in `out`."""

    out: Path
    outcomes: list[dict[str, object]] = field(default_factory=list)

    def run(self, stage: str, command: list[str], seconds: float) -> int:
        """Run a command in the packed folder; one that takes longer gets SIGTERM, and a minute later SIGKILL."""
        print(f"== {stage}: {' '.join(command)}", flush=True)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        started = perf_counter()
        with (self.out / "day.txt").open("a", encoding="utf-8") as log:
            log.write(f"\n== {stage}: {' '.join(command)}\n")
            log.flush()
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            code = ended(process, seconds)
        outcome = {"stage": stage, "command": command, "code": code, "seconds": round(perf_counter() - started, 1)}
        self.outcomes.append(outcome)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        report = {"machine": describe_machine(device), "gpus": torch.cuda.device_count(), "commands": self.outcomes}
        (self.out / "day.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        return code


def ended(process: "subprocess.Popen[bytes]", seconds: float) -> int:
    """Wait for a process, no longer than it may take; its exit code."""
    for patience, number in ((seconds, signal.SIGTERM), (GRACE, signal.SIGKILL)):
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, number)
    return process.wait()


def measure(day: Day, stage: str, seconds: float, *, tiny: bool) -> None:
    """The stages that measure and leave nothing but what they print."""
    python, small = [sys.executable], ["--tiny"] * tiny
    tests = "tests/engine/diffwave/gpu" + "/test_choice.py" * tiny
    if stage == "tests":
        day.run(stage, [*python, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests], seconds)
    else:
        day.run(stage, [*python, "benchmarks/gpu_speed.py", stage, *small], seconds)
    laps = ROOT / "benchmarks/results/speed-gpu.json"
    if laps.exists():
        shutil.copyfile(laps, day.out / laps.name)


def trained(day: Day, runs: Path, name: str, overrides: list[str], seconds: float, *, average_only: bool) -> None:
    """Train until the time is over, let the voice speak, and pack what is needed to go on."""
    run = runs / name
    first, last = ROOT / "first.ckpt", run / "checkpoints" / "last.ckpt"
    resume = ["--resume"] if last.exists() else [f"resume={first}"] if first.exists() else []
    settings = [f"experiment={name}", f"name={name}", f"paths.runs={runs}", f"paths.data={ROOT / 'data'}", "logger=csv"]
    command = [sys.executable, "-m", "audiodiff", "train", *settings, *overrides, *resume]
    limit = f"trainer.max_time={clock(seconds - GRACE if seconds > 2 * GRACE else seconds)}"
    day.run("train", [*command, limit], seconds)
    bundle, clips = run / "bundle", run / "clips"
    if bundle.is_dir():
        heard = [str(utterance.path) for utterance in read_manifest(ROOT / "data/ljspeech/valid.jsonl")[:CLIPS]]
        speak = [sys.executable, "-m", "audiodiff", "vocode", *heard, "--model", str(bundle), "-o", str(clips)]
        day.run("train", [*speak, "--overwrite"], 5 * GRACE)
    if last.exists():
        packed(run, last, day.out, average_only=average_only)


def packed(run: Path, last: Path, out: Path, *, average_only: bool) -> None:
    """Write the run as a tar file in parts."""
    if average_only:
        last = run / "average.ckpt"
        whole = torch.load(run / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
        torch.save({"state_dict": whole["state_dict"]}, last)
    archive = run / "train.tar"
    with tarfile.open(archive, "w") as tar:
        for path in (last, run / "bundle", run / "csv", run / "clips"):
            if path.exists():
                tar.add(path, arcname=path.name)
    split(archive, out)
    archive.unlink()


def clock(seconds: float) -> str:
    """Seconds as Lightning wants them: days, hours, minutes, seconds."""
    minutes, rest = divmod(max(1, round(seconds)), 60)
    return f"00:{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


def main(
    out: Annotated[Path, typer.Option()],
    overrides: Annotated[list[str] | None, typer.Argument()] = None,
    stages: str = ",".join(STAGES),
    minutes: Annotated[str, typer.Option(help="For every stage that was chosen.")] = "4,6,6,8",
    experiment: str = "ljspeech_diffwave",
    average_only: bool = False,
    tiny: Annotated[bool, typer.Option(help="Small sizes on whatever there is, to see that it runs.")] = False,
) -> None:
    """Run the stages one after the other."""
    chosen, limits = stages.split(","), [60 * float(number) for number in minutes.split(",")]
    if unknown := set(chosen) - set(STAGES):
        raise typer.BadParameter(f"no stage is called {', '.join(unknown)}; there are {', '.join(STAGES)}")
    if len(limits) != len(chosen):
        raise typer.BadParameter(f"got {len(limits)} --minutes for {len(chosen)} stages")
    out.mkdir(parents=True, exist_ok=True)
    day, runs = Day(out), ROOT / "runs"
    several = torch.cuda.device_count() > 1
    for stage, seconds in zip(chosen, limits, strict=True):
        if stage == "train":
            trained(day, runs, experiment, overrides or [], seconds, average_only=average_only)
            continue
        measure(day, stage, seconds, tiny=tiny)
        if stage == "training":
            for extra in (["debug=profiler"], *([["trainer=ddp", "trainer.max_steps=200", "name=ddp"]] * several)):
                settings = [f"experiment={experiment}", f"paths.runs={runs}", f"paths.data={ROOT / 'data'}"]
                command = [sys.executable, "-m", "audiodiff", "train", *settings, *extra, *(overrides or [])]
                day.run(stage, command, seconds)
    failed = [outcome for outcome in day.outcomes if outcome["code"]]
    print(f"{len(day.outcomes) - len(failed)} of {len(day.outcomes)} commands ended well; everything is in {out}")
    raise typer.Exit(bool(failed))


if __name__ == "__main__":
    typer.run(main)
