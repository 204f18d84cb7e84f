"""The bundle of a run, written whenever its best checkpoint changes."""

from collections.abc import Iterator
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from audiodiff.bundle.constructors import Tree
from audiodiff.bundle.format import save_bundle
from audiodiff.experiment.checkpoint_state import load_matching, read_checkpoint
from audiodiff.experiment.config import build


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
    load_matching(model, checkpoint)
    tree: Tree = {key: OmegaConf.to_container(config[key], resolve=True) for key in ("model", "sampler", "grid")}
    steps = int(read_checkpoint(checkpoint, "make a bundle")["global_step"])
    return save_bundle(Path(config.paths.run) / "bundle", config.name, tree, model, card=model_card(config, steps))


def model_card(config: DictConfig, steps: int) -> str:
    """A first README.md for the bundle: what was trained on what, for how many steps, with which settings."""
    return (
        f"# {config.name}\n\nTrained by audiodiff for {steps} steps with seed {config.seed} "
        f"on the manifest folder {Path(config.data.folder).name}. Add the data's licence, the measured scores and the "
        "model's limits before you publish it.\n\n```yaml\n" + OmegaConf.to_yaml(config, resolve=True) + "```\n"
    )
