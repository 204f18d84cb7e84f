"""`audiodiff train`: a run from a composed config to a bundle."""

from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.rank_zero import rank_zero_only
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from torch import nn

from audiodiff import networks
from audiodiff.bundle.format import check_name
from audiodiff.engine.precision import float32_products
from audiodiff.errors import ConfigError
from audiodiff.experiment.best_bundle import BundleAtBest, monitoring, write_bundle
from audiodiff.experiment.checkpoint_state import StoredConfig
from audiodiff.experiment.config import build, compose_config
from audiodiff.experiment.dry_run import build_data, build_features, build_objective, try_run
from audiodiff.experiment.first_weights import load_first
from audiodiff.experiment.resuming import Resumed, announced, checkpoint_to_resume, keep_beginning
from audiodiff.experiment.run_folder import RunFolder, check_free, claimed
from audiodiff.experiment.settings import settings_in_words
from audiodiff.experiment.trainer_precision import lightning_precision, training_device
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.training.checkpoints import signals_end_it
from audiodiff.training.guard import replay
from audiodiff.training.module import Training
from audiodiff.training.process_group import leave_group
from audiodiff.training.quiet import quiet_lightning
from audiodiff.training.watch import Watch


def run_training(overrides: list[str]) -> None:
    """Compose `conf/train.yaml` with the overrides, train, and say where the bundle is."""
    config = composed(overrides)
    if config.replay is not None:
        with settings_in_words(lambda: config):
            losses = replay_losses(config)
        Console().print(losses, highlight=False)
        return
    bundle = train(config)
    say = rank_zero_only(Console().print)
    say(f"The bundle is in {bundle}; try it: audiodiff vocode MEL --model {bundle} -o OUT", soft_wrap=True)


def composed(overrides: list[str]) -> DictConfig:
    """The config with the overrides, all of its references looked up; raises `ConfigError` for what does not work."""
    with settings_in_words(lambda: compose_config("train", [])):
        config = compose_config("train", overrides)
        OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        check_settings(config)
    return config


def check_settings(config: DictConfig) -> None:
    """Raise `ConfigError` for values of another kind than the run's own settings have."""
    check_name(config.name)
    if not isinstance(config.seed, int) or isinstance(config.seed, bool) or not 0 <= config.seed < 1 << 32:
        raise ConfigError(f"seed={config.seed}: expected a whole number from 0 to 2^32 - 1")
    for name in ("resume", "replay", "compile"):
        if not isinstance(config[name], str | None):
            raise ConfigError(f"{name}={config[name]}: expected a text, or null")
    if not isinstance(config.overwrite, bool):
        raise ConfigError(f"overwrite={config.overwrite}: expected true or false")


def train(config: DictConfig) -> Path:
    """Run the experiment that `config` describes and return the folder of its bundle."""
    trainer = fit(config)
    run = Path(config.paths.run)
    if trainer.is_global_zero and best_score(trainer) == float("inf"):
        write_bundle(config, run / "checkpoints" / "last.ckpt")
    trainer.strategy.barrier()
    leave_group()
    return run / "bundle"


def fit(config: DictConfig, *callbacks: L.Callback) -> L.Trainer:
    """Train as `config` says, from the start or from a checkpoint; returns the trainer with all that it found.

    `callbacks` come behind those of the config.
    """
    check_settings(config)
    L.seed_everything(config.seed, workers=True, verbose=False)
    with claimed(run := Path(config.paths.run)):
        return fit_in(run, config, *callbacks)


def fit_in(run: Path, config: DictConfig, *callbacks: L.Callback) -> L.Trainer:
    """Do so in a folder that is this run's own."""
    resumed = checkpoint_to_resume(config, run)
    check_free(run, resumed and resumed.path, overwrite=config.overwrite)
    with settings_in_words(lambda: config):
        model = build_model(config)
        notes = begin(model, config, resumed)
        objective = build_objective(config, model)
        features = build_features(config, model, objective)
        data = build_data(config, features)
        try_run(config, objective, features)
        module = Training(
            objective=objective,
            optimizer=build(config.optimizer),
            lr_schedule=build(config.lr_schedule),
            seed=config.seed,
        )
        with quiet_lightning():
            trainer = build_trainer(config, resumed, *callbacks)
    for callback in trainer.callbacks:  # pyright: ignore[reportAttributeAccessIssue] (Lightning adds it)
        if isinstance(callback, Watch):
            callback.notes = notes
    factors = float32_products(training_device(config), config.trainer.precision)
    with quiet_lightning(), factors, signals_end_it(trainer.checkpoint_callbacks):
        trainer.fit(module, data, ckpt_path=resumed and resumed.path)
    return trainer


def begin(model: nn.Module, config: DictConfig, resumed: Resumed | None) -> list[str]:
    """Load the weights of `init_from`, unless a checkpoint brings its own; return what is to be said of it."""
    if resumed is not None:
        keep_beginning(config, resumed)
        return [announced(resumed)]
    sources = [config.init_from] if isinstance(config.init_from, str) else config.init_from or []
    return [load_first(model, source) for source in sources]


def best_score(trainer: L.Trainer) -> float:
    """The best value of the metric that the best checkpoint is chosen by; infinite if nothing was validated."""
    scores = [callback.best_model_score for callback in monitoring(trainer)]
    return min((float(score) for score in scores if score is not None), default=float("inf"))


def build_model(config: DictConfig) -> DiffusionModel:
    """Build the model, and let `compile` speed its networks up."""
    model: DiffusionModel = build(config.model)
    if config.compile is not None:
        if config.compile not in torch.compiler.list_backends():
            raise ConfigError(f"compile={config.compile}: expected one of {', '.join(torch.compiler.list_backends())}")
        for network in trained_networks(model):
            network.compile(backend=config.compile)  # in place: the names of the weights stay as they are
    return model


def trained_networks(model: DiffusionModel) -> list[nn.Module]:
    """The networks inside the model, its prior's included."""
    kinds = tuple(getattr(networks, name) for name in networks.__all__)
    return [module for module in model.modules() if isinstance(module, kinds)]


def build_trainer(config: DictConfig, resumed: Resumed | None, *others: L.Callback) -> L.Trainer:
    """Build the trainer with the callbacks and the logger of their own config groups."""
    callbacks = [build(node) for node in config.callbacks.values() if node is not None]
    folder = RunFolder(config, Path(config.paths.run), resumed and resumed.path)
    callbacks += [StoredConfig(config, resumed.changes if resumed else []), BundleAtBest(config), folder]
    own: dict[str, Any] = {"enable_progress_bar": False, "enable_model_summary": False}  # `Watch` does both
    own["precision"] = lightning_precision(config.trainer.precision, training_device(config))
    loggers = [build(node) for node in (config.get("logger") or {}).values() if node is not None]
    return build(config.trainer, callbacks=[*callbacks, *others], logger=loggers, **own)


def replay_losses(config: DictConfig) -> str:
    """Repeat the step that stopped a run and say what its losses are."""
    losses = replay(Path(config.replay), build_objective(config, build_model(config)))
    return "\n".join(f"batch {index}: {found}" for index, found in enumerate(losses))
