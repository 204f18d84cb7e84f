"""A run tried out in one step on made-up sound, before any data are read."""

from itertools import islice
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.data import Utterance
from audiodiff.data.features import cut
from audiodiff.diffusion import Sampler, Times
from audiodiff.errors import AudiodiffError, ConfigError
from audiodiff.experiment.config import build
from audiodiff.experiment.every_convention import EveryConvention
from audiodiff.experiment.settings import explained
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.models.generative_model import GenerativeModel
from audiodiff.noise import SampleNoise
from audiodiff.priors import MelLatent
from audiodiff.training.fitting import check_data, check_features, check_model, check_objective, features_that_fit
from audiodiff.training.generative import ClipFeatures
from audiodiff.training.model_features import MelFeatures

_AROUND = 8
"""Frames of sound beyond both ends of the segment, for front ends that look around a frame."""
_TRIED_STEPS = 3
"""Steps of the sampler that are tried."""
_PARTS = ("objective", "features", "prior", "network", "prediction", "schedule", "grid", "sampler")


def build_objective(config: DictConfig, model: nn.Module) -> nn.Module:
    """Build the objective; raises `ConfigError` for a model that does not fit itself or the objective."""
    check_model(model)
    objective: nn.Module = build(config.objective, model=model)
    check_objective(model, objective)
    return objective


def build_features(config: DictConfig, model: Any, objective: nn.Module) -> Any:  # noqa: ANN401 (either kind of model)
    """Build the features: those that the config names, else those that fit objective and prior."""
    if isinstance(objective, EveryConvention):  # its batches come whole from the data
        return MelFeatures(model=model)
    node = config.get("features")
    features = features_that_fit(objective)(model=model) if node is None else build(node, model=model)
    check_features(objective, features)
    return features


def build_data(config: DictConfig, features: Any) -> L.LightningDataModule:  # noqa: ANN401
    """Build the data module; raises `ConfigError` for features that it does not go with."""
    check_data(get_class(config.data._target_), features)
    if config.objective._target_.endswith(".EveryConvention") != config.data._target_.endswith(".ConventionData"):
        raise ConfigError("data=conventions and an objective=every_... belong together: choose both, or neither")
    return build(config.data, features=features)


def try_run(config: DictConfig, objective: Any, features: Any) -> None:  # noqa: ANN401 (with either kind of model)
    """Take one forward pass of the objective, and some steps of the sampler, on a made-up segment.

    Nothing of the run changes: weights and random state stay as they are. Raises `ConfigError` for whatever fails,
    with the names of the parts that do not fit each other. An objective over conventions is not tried.
    """
    check_callbacks(config, objective)
    if isinstance(objective, EveryConvention):
        return
    training = objective.training
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad(), torch.compiler.set_stance("force_eager"):
            objective.eval()
            torch.manual_seed(0)
            batch = features_of(features, int(config.data.get("segment") or 0))
            objective(**batch)
            times = build(config.grid)(objective.model.denoiser.schedule)
            if config.callbacks.get("preview") is not None or isinstance(objective.model, GenerativeModel):
                sample(build(config.sampler), times, objective.model, batch)
    except AudiodiffError as error:
        raise ConfigError(f"{error} (tried before training: {parts_of(config)})") from error
    except Exception as error:  # parts that do not fit fail in every way there is
        raise ConfigError(f"these parts do not fit each other: {parts_of(config)} ({explained(error)})") from error
    finally:
        objective.train(training)


def check_callbacks(config: DictConfig, objective: Any) -> None:  # noqa: ANN401 (with either kind of model)
    """Raise `ConfigError` for a metric to choose by that nobody measures."""
    preview, best = (config.callbacks.get(name) for name in ("preview", "best"))
    if preview is not None and isinstance(objective.model, GenerativeModel):
        raise ConfigError("the preview vocodes mels, which a GenerativeModel does not: choose callbacks=no_preview")
    if preview is not None and isinstance(objective.model.prior, MelLatent):
        raise ConfigError("the preview vocodes mels, which MelLatent alone inverts: choose callbacks=no_preview")
    if preview is None and best is not None and best.monitor in ("valid/mr_stft", "valid/log_mel"):
        raise ConfigError(
            f"the best checkpoint is chosen by {best.monitor}, which the preview measures: "
            "choose callbacks=no_preview, which chooses by valid/loss"
        )


def features_of(features: Any, segment: int) -> dict[str, Tensor]:  # noqa: ANN401 (of either kind of model)
    """A batch of one made-up segment of that many frames, or of one clip."""
    if isinstance(features, ClipFeatures):
        text, speaker = next(iter(features.labels), None), next(iter(features.speakers), None)
        told = Utterance(id="hum", path=Path(), duration=1.0, sample_rate=0, text=text, speaker=speaker)
        clip = features(hum(features.length, features.sample_rate), told)
        return {name: part.unsqueeze(0) for name, part in clip.items()}
    whole = features(hum((segment + 2 * _AROUND) * features.hop_length, features.sample_rate))
    inner = cut(whole, _AROUND, segment, features.hop_length)
    return features.completed({name: part.unsqueeze(0) for name, part in inner.items()})


def hum(n_samples: int, sample_rate: int) -> Tensor:
    """A voiced sound of harmonics of 120 Hz in a little noise; [samples]."""
    time = torch.arange(n_samples) / sample_rate
    harmonics = torch.arange(1, max(2, min(20, sample_rate // 240)))
    tones = torch.sin(2 * torch.pi * 120 * harmonics[:, None] * time) / harmonics[:, None]
    return 0.1 * tones.sum(dim=0) + 0.003 * torch.randn(n_samples)


def sample(sampler: Sampler, times: Times, model: DiffusionModel | GenerativeModel, batch: dict[str, Tensor]) -> None:
    """Take the first steps of a sampler."""
    noise = SampleNoise([0])
    if isinstance(model, GenerativeModel):
        told = {name: part for name, part in batch.items() if name != "wave"}
        denoise = model.denoiser.bind(Conditioning(**told))
        states = model.steps(denoise, 1, sampler=sampler, times=times, noise=noise)
    else:
        states = model.steps(batch["mel"], sampler=sampler, times=times, noise=noise)
    for _ in islice(states, _TRIED_STEPS):
        pass


def parts_of(config: DictConfig) -> str:
    """The parts that meet in a step, by the names of their classes or functions."""
    nodes = {part: config.get(part) for part in _PARTS}
    return ", ".join(
        f"{part}={str(OmegaConf.select(config, f'{part}._target_')).rsplit('.', 1)[-1]}"
        for part, node in nodes.items()
        if node is not None
    )
