"""State of a checkpoint for another run: everything when it resumes, matching weights when it starts from one."""

from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from audiodiff.bundle.aliases import current
from audiodiff.errors import ConfigError, InputError

_MODEL = "objective.model."
"""Prefix of the model in a checkpoint's state dict."""
MUST_AGREE = ("model", "objective", "seed")
"""The parts of a config without which a run is no longer the same run."""


class StoredConfig(L.Callback):
    """Puts the composed config into every checkpoint."""

    def __init__(self, config: DictConfig) -> None:
        self.config = config

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add plain values only, which can be read back without running anything."""
        checkpoint["config"] = plain(self.config)


def plain(config: DictConfig) -> dict[str, Any]:
    """The config's fields by their dotted names."""
    return dict(_flat(OmegaConf.to_container(config, resolve=True), ""))


def _flat(node: Any, name: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (whatever a config holds)
    if not isinstance(node, dict) or not node:
        yield name, node
        return
    for key, value in node.items():
        yield from _flat(value, f"{name}.{key}" if name else str(key))


def checkpoint_to_resume(config: DictConfig, run: Path) -> Path | None:
    """The checkpoint to go on from, None to start anew; `resume=last` is the newest of this run.

    Raises `InputError` if it is missing or damaged, `ConfigError` with the fields that differ if it is of another run.
    """
    if config.resume is None:
        return None
    path = run / "checkpoints" / "last.ckpt" if config.resume == "last" else Path(config.resume)
    if not path.is_file():
        raise InputError(f"cannot resume: there is no checkpoint {path}; leave `resume` out to start anew")
    stored = read_checkpoint(path, "resume").get("config")
    if stored is None:
        raise InputError(f"cannot resume from {path}: it holds no config; take over its weights only: init_from={path}")
    if different := differences(stored, plain(config)):
        raise ConfigError(
            f"cannot resume from {path}, which is of another run: {'; '.join(different)}. Give the settings of that "
            f"run (they are in its config.yaml), or take over its weights only: init_from={path}"
        )
    return path


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """The fields that must agree and do not, with both values; what has only moved inside audiodiff agrees."""
    theirs = {name: current(value) if name.endswith("_target_") else value for name, value in theirs.items()}
    return [
        f"{name} was {theirs.get(name)}, now {ours.get(name)}"
        for name in sorted(theirs.keys() | ours.keys())
        if name.split(".")[0] in MUST_AGREE and theirs.get(name) != ours.get(name)
    ]


def read_checkpoint(path: Path, purpose: str) -> dict[str, Any]:
    """Read a training checkpoint; raises `InputError` for anything else."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        checkpoint["state_dict"]
    except (OSError, KeyError, TypeError, RuntimeError, UnpicklingError) as error:
        raise InputError(f"cannot {purpose} from {path}: not a training checkpoint ({error})") from error
    return checkpoint


def load_matching(model: nn.Module, path: Path) -> None:
    """Load the weights of a checkpoint's model wherever name and shape agree; raise InputError if none does."""
    state = read_checkpoint(path, "start")["state_dict"]
    ours = model.state_dict()
    matching = {
        name: tensor
        for key, tensor in state.items()
        if (name := key.removeprefix(_MODEL)) in ours and ours[name].shape == tensor.shape
    }
    if not matching:
        raise InputError(f"cannot start from {path}: none of its weights fits this model's names and shapes")
    model.load_state_dict(matching, strict=False)
