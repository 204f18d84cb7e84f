"""The folder of a run: never taken from an earlier run unless somebody says so."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import lightning as L
from lightning.fabric.utilities.rank_zero import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from audiodiff.audio.atomic import written_whole
from audiodiff.audio.scratch import held
from audiodiff.bundle.format import CONFIG
from audiodiff.errors import OutputError
from audiodiff.types import Seconds

PATIENCE: Seconds = 10.0
CHECKPOINTS, BUNDLE = "checkpoints", "bundle"
_LEFT = (f"{CHECKPOINTS}/*.ckpt", f"{BUNDLE}/*", "csv/*", "nan/*", "train.log", "events.out.tfevents.*")
"""Files that a run leaves in its folder; others are somebody else's."""


@contextmanager
def claimed(run: Path, patience: Seconds = PATIENCE) -> Iterator[None]:
    """Keep the folder to this process and those that it starts; raises `OutputError` where another run has it.

    The lock is the system's own and ends with the process, however that ends. What a killed run has started (workers
    that read data) notices within seconds, so that long is waited.
    """
    if getattr(rank_zero_only, "rank", 0) or sys.platform == "win32":
        yield
        return
    run.mkdir(parents=True, exist_ok=True)
    handle, late = os.open(run, os.O_RDONLY), time.monotonic() + patience
    try:
        while not held(handle):
            if time.monotonic() > late:
                raise OutputError(f"another run is at work in {run}: wait for its end, or give another name=NAME")
            time.sleep(0.2)
        yield
    finally:
        os.close(handle)
        with suppress(OSError):  # unless something is in it
            run.rmdir()


@rank_zero_only
def check_free(run: Path, resumed: Path | None, *, overwrite: bool) -> None:
    """Raise `OutputError` for the folder of another run that has something to lose; one goes on in its own folder."""
    if overwrite or _goes_on(run, resumed):
        return
    there = [*(run / CHECKPOINTS).glob("*.ckpt"), *(run / BUNDLE).glob(CONFIG)]
    if there:
        raise OutputError(
            f"{run} holds a run already (such as {there[0].relative_to(run)}): go on with --resume, give this one "
            "another name=NAME, or replace it with --overwrite"
        )


class RunFolder(L.Callback):
    """Once model and data are ready, removes what an earlier run has left, and keeps the composed config.

    A run that goes on from a checkpoint in this folder removes nothing.
    """

    def __init__(self, config: DictConfig, run: Path, resumed: Path | None) -> None:
        self.config, self.run = config, run
        patterns = () if _goes_on(run, resumed) else _LEFT
        self.earlier = [path for pattern in patterns for path in run.glob(pattern) if path.is_file()]

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Do so on the first rank."""
        if not trainer.is_global_zero:
            return
        for path in self.earlier:
            path.unlink(missing_ok=True)
        self.run.mkdir(parents=True, exist_ok=True)
        with written_whole(self.run / "config.yaml") as scratch:
            OmegaConf.save(self.config, scratch, resolve=True)


def _goes_on(run: Path, resumed: Path | None) -> bool:
    return resumed is not None and run.resolve() in resumed.resolve().parents
