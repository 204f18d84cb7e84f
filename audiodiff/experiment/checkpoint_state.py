"""Checkpoints: what is put into them beside Lightning's own, and how they are read."""

from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from audiodiff.errors import ConfigError, InputError

_MODEL = "objective.model."
"""Prefix of the model in a checkpoint's state dict."""


class StoredConfig(L.Callback):
    """Puts the composed config into every checkpoint, what was changed at which step, and the number of processes."""

    def __init__(self, config: DictConfig, changes: list[dict[str, Any]]) -> None:
        self.config, self.changes = config, changes

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add plain values only, which can be read back without running anything."""
        checkpoint["config"] = plain(self.config)
        checkpoint["changes"] = self.changes
        checkpoint["world_size"] = trainer.world_size

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Raise `ConfigError` for another number of processes, to which the place in the data means another thing."""
        if (before := checkpoint.get("world_size", trainer.world_size)) != trainer.world_size:
            raise ConfigError(
                f"the run had {before} processes and cannot go on with {trainer.world_size}: give it as many, by "
                "trainer.devices and trainer.num_nodes, or take over its weights only: init_from=CHECKPOINT"
            )


def plain(config: DictConfig) -> dict[str, Any]:
    """The config's fields by their dotted names."""
    return dict(_flat(OmegaConf.to_container(config, resolve=True), ""))


def _flat(node: Any, name: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (whatever a config holds)
    if not isinstance(node, dict) or not node:
        yield name, node
        return
    for key, value in node.items():
        yield from _flat(value, f"{name}.{key}" if name else str(key))


def read_checkpoint(path: Path, purpose: str) -> dict[str, Any]:
    """Read a training checkpoint; raises `InputError` for anything else."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        checkpoint["state_dict"]
    except (OSError, KeyError, TypeError, RuntimeError, UnpicklingError) as error:
        raise InputError(f"cannot {purpose} from {path}: not a training checkpoint ({error})") from error
    return checkpoint


def model_state(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """The weights of a checkpoint's model, averaged if the run averages."""
    return {
        name.removeprefix(_MODEL): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith(_MODEL)
    }
