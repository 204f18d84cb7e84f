"""The bundle of a run, written whenever its best checkpoint changes."""

from collections.abc import Iterator
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from audiodiff.bundle.constructors import Tree
from audiodiff.bundle.format import save_bundle
from audiodiff.experiment.checkpoint_state import model_state, read_checkpoint
from audiodiff.experiment.config import build
from audiodiff.experiment.resuming import Change, told


class BundleAtBest(Checkpoint):
    """Makes a bundle of every new best checkpoint, so that a run can be used before it ends, or if it never does."""

    def __init__(self, config: DictConfig) -> None:
        self.config = config
        self.score: Tensor | None = None

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the bundle if the checkpoint callback has found a new best. (Lightning asks that one first.)"""
        for callback in monitoring(trainer):
            if trainer.is_global_zero and callback.best_model_score != self.score:
                write_bundle(self.config, Path(callback.best_model_path))
                self.score = callback.best_model_score


def monitoring(trainer: L.Trainer) -> Iterator[ModelCheckpoint]:
    """The checkpoint callbacks that look at a metric."""
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor is not None:
            yield callback


def write_bundle(config: DictConfig, checkpoint: Path) -> Path:
    """Write the averaged weights of a checkpoint as the bundle of the run."""
    model = build(config.model)
    tree: Tree = {key: OmegaConf.to_container(config[key], resolve=True) for key in ("model", "sampler", "grid")}
    state = read_checkpoint(checkpoint, "make a bundle")
    model.load_state_dict(model_state(state))
    card = model_card(config, int(state["global_step"]), state.get("changes", []))
    return save_bundle(Path(config.paths.run) / "bundle", config.name, tree, model, card=card)


def model_card(config: DictConfig, steps: int, changes: list[Change]) -> str:
    """A first README.md for the bundle: what was trained on what, for how many steps, with which settings."""
    changed = "".join(f"\n\nFrom step {change['step']} on {told(change)}." for change in changes)
    return (
        f"# {config.name}\n\nTrained by audiodiff for {steps} steps with seed {config.seed} "
        f"on the manifest folder {Path(config.data.folder).name}. Add the data's licence, the measured scores and the "
        f"model's limits before you publish it.{changed}\n\n```yaml\n"
        + OmegaConf.to_yaml(config, resolve=True)
        + "```\n"
    )
