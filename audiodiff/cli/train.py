"""`audiodiff train`: a run from a composed config to a bundle."""

from pathlib import Path
from pickle import UnpicklingError

import lightning as L
import torch
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from torch import nn

from audiodiff.bundle import save_bundle
from audiodiff.cli.config import build, compose_config
from audiodiff.constructors import Tree
from audiodiff.errors import ConfigError, InputError
from audiodiff.model import DiffusionModel
from audiodiff.training.module import Training


def run_training(overrides: list[str]) -> None:
    """Compose `conf/train.yaml` with the overrides, train, and say where the bundle is."""
    try:
        bundle = train(compose_config("train", overrides))
    except HydraException as error:
        raise ConfigError(f"the configuration does not work: {error}") from error
    Console().print(f"The bundle is in {bundle}; try it: audiodiff vocode MEL --model {bundle} -o OUT")


def train(config: DictConfig) -> Path:
    """Run the experiment that `config` describes and return the folder of its bundle."""
    L.seed_everything(config.seed, workers=True)
    run = Path(config.paths.run)
    run.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, run / "config.yaml", resolve=True)

    model: DiffusionModel = build(config.model)
    if config.init_from is not None:
        load_matching(model, Path(config.init_from))
    objective = build(config.objective, model=model)
    data = build(config.data, features=build(config.features, model=model))
    module = Training(objective=objective, optimizer=build(config.optimizer), lr_schedule=build(config.lr_schedule))
    trainer = build_trainer(config)
    trainer.fit(module, data, ckpt_path=checkpoint_to_resume(config, run))
    trainer.save_checkpoint(run / "checkpoints" / "last.ckpt")
    return write_bundle(config, model, run)


def build_trainer(config: DictConfig) -> L.Trainer:
    """Build the trainer with the callbacks and the logger of their own config groups."""
    callbacks = [build(node) for node in config.callbacks.values() if node is not None]
    return build(config.trainer, callbacks=callbacks, logger=build(config.logger))


def checkpoint_to_resume(config: DictConfig, run: Path) -> Path | None:
    """The checkpoint to go on from, None to start anew; `resume=last` is the newest of this run."""
    if config.resume is None:
        return None
    path = run / "checkpoints" / "last.ckpt" if config.resume == "last" else Path(config.resume)
    if not path.is_file():
        raise InputError(f"cannot resume: there is no checkpoint {path}; leave `resume` out to start anew")
    return path


def load_matching(model: nn.Module, path: Path) -> None:
    """Load the weights of a checkpoint's model wherever name and shape agree; raise InputError if none does."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    except (OSError, KeyError, RuntimeError, UnpicklingError) as error:
        raise InputError(f"cannot start from {path}: not a training checkpoint ({error})") from error
    prefix = "objective.model."
    ours = model.state_dict()
    matching = {
        name: tensor
        for key, tensor in state.items()
        if (name := key.removeprefix(prefix)) in ours and ours[name].shape == tensor.shape
    }
    if not matching:
        raise InputError(f"cannot start from {path}: none of its weights fits this model's names and shapes")
    model.load_state_dict(matching, strict=False)


def write_bundle(config: DictConfig, model: DiffusionModel, run: Path) -> Path:
    """Write the averaged weights of the newest checkpoint as a bundle beside the checkpoints."""
    load_matching(model, run / "checkpoints" / "last.ckpt")
    tree: Tree = {key: OmegaConf.to_container(config[key], resolve=True) for key in ("model", "sampler", "grid")}
    return save_bundle(run / "bundle", config.name, tree, model, card=model_card(config))


def model_card(config: DictConfig) -> str:
    """A first README.md for the bundle: what was trained on what, with which settings."""
    return (
        f"# {config.name}\n\nTrained by audiodiff for {config.trainer.max_steps} steps with seed {config.seed} "
        f"on the manifest folder {Path(config.data.folder).name}. Add the data's licence, the measured scores and the "
        "model's limits before you publish it.\n\n```yaml\n" + OmegaConf.to_yaml(config, resolve=True) + "```\n"
    )
