"""A run that goes on from a checkpoint: what may be different from then on, and what is kept of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.rank_zero import rank_zero_only
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from audiodiff.bundle.aliases import current
from audiodiff.errors import ConfigError, InputError
from audiodiff.experiment.checkpoint_state import plain, read_checkpoint

MUST_AGREE = ("model", "objective", "seed", "features", "data", "callbacks.ema._target_")
"""Parts of a config without which a run is no longer the same run, or its place in the data is lost."""
_CLASSES = ("optimizer._target_", "lr_schedule")
"""Parts that a checkpoint holds the state of."""
MAY_DIFFER = (
    *(f"data.{name}" for name in ("workers", "processes", "strict", "place", "folder", "index")),
    *("lr_schedule.warmup", "lr_schedule.steps"),
)
"""Parts of those that may be different after all."""
NOT_SETTINGS = (
    *("resume", "overwrite", "replay", "init_from", "paths", "name", "logger"),
    *("mel", "network", "schedule", "prediction", "prior"),  # seen in the model
    *("callbacks.last.path", "callbacks.best.dirpath", "callbacks.preview.sampler", "callbacks.preview.grid"),
    *("callbacks.watch", "data.cache"),
    "trainer.default_root_dir",
)
"""Parts of no effect on what a run learns, or that are seen in others."""

Change = dict[str, Any]
"""A step of the run, and what was changed there: `step`, and `changed`, a dict of [value before, value now]."""


@dataclass(frozen=True)
class Resumed:
    """The checkpoint that a run goes on from, its step, and all changes of settings so far."""

    path: Path
    step: int
    init_from: Any
    changes: list[Change] = field(default_factory=list)


def checkpoint_to_resume(config: DictConfig, run: Path) -> Resumed | None:
    """The checkpoint to go on from, None to start anew; `resume=last` is the newest of this run.

    Raises `InputError` if it is missing or damaged, `ConfigError` with the fields that differ if it is of another run,
    and for a number of steps that has been taken already.
    """
    if config.resume is None:
        return None
    path = run / "checkpoints" / "last.ckpt" if config.resume == "last" else Path(config.resume)
    if not path.is_file():
        raise InputError(f"cannot resume: there is no checkpoint {path}; leave `resume` out to start anew")
    checkpoint = read_checkpoint(path, "resume")
    stored, step = checkpoint.get("config"), int(checkpoint["global_step"])
    if stored is None:
        raise InputError(f"cannot resume from {path}: it holds no config; take over its weights only: init_from={path}")
    different = differences(stored, plain(config))
    if refused := {name: values for name, values in different.items() if not may_differ(name)}:
        said = "; ".join(f"{name} was {before}, now {now}" for name, (before, now) in refused.items())
        raise ConfigError(
            f"cannot resume from {path}, which is of another run: {said}. Give the settings of that "
            f"run (they are in its config.yaml), or take over its weights only: init_from={path}"
        )
    if 0 <= (wanted := config.trainer.max_steps) < step:
        raise ConfigError(f"cannot resume with trainer.max_steps={wanted}: {path} has taken {step} steps already")
    changes = list(checkpoint.get("changes", []))
    if different:
        changes.append({"step": step, "changed": {name: list(values) for name, values in different.items()}})
    return Resumed(path, step, stored.get("init_from"), changes)


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The settings that are not the same, with both values; what has only moved inside audiodiff is the same."""
    theirs = {name: current(value) if name.endswith("_target_") else value for name, value in theirs.items()}
    return {
        name: (theirs.get(name), ours.get(name))
        for name in sorted(theirs.keys() | ours.keys())
        if not below(name, NOT_SETTINGS) and theirs.get(name) != ours.get(name)
    }


def may_differ(name: str) -> bool:
    """Tell whether a setting may be changed where a run goes on; it is applied then."""
    return below(name, MAY_DIFFER) or not below(name, (*MUST_AGREE, *_CLASSES))


def below(name: str, parts: tuple[str, ...]) -> bool:
    """Tell whether a dotted name is one of these or lies below one."""
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def told(change: Change) -> str:
    """A change in words."""
    return "; ".join(f"{name} is {now} (was {before})" for name, (before, now) in change["changed"].items())


def announced(resumed: Resumed) -> str:
    """Say where the run goes on, and what is different from there on."""
    news = [change for change in resumed.changes[-1:] if change["step"] == resumed.step]
    line = f"going on from step {resumed.step} in {resumed.path}"
    line += f"; from here on {told(news[0])}" if news else ""
    rank_zero_only(Console().print)(line, highlight=False, markup=False, soft_wrap=True)
    return line


def keep_beginning(config: DictConfig, resumed: Resumed) -> None:
    """Let the config say what the run's first weights were, not what they would be if it began now."""
    OmegaConf.update(config, "init_from", resumed.init_from)
