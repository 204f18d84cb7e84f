"""The rules by which the parts of a training fit each other, checked before data are read."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from audiodiff.data.clip_datamodule import ClipData
from audiodiff.diffusion import Denoiser, LearnedVariance, X0Prediction
from audiodiff.errors import ConfigError
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.models.generative_model import GenerativeModel
from audiodiff.networks import DiffWave, FromV, MelGenerator, SpectralGainNetwork
from audiodiff.priors import MelInversion, MelLatent, SourceFilter
from audiodiff.training.generative import ClipFeatures, Generative
from audiodiff.training.glottal_features import GlottalFeatures, SourceFilterFeatures
from audiodiff.training.magnitude_match import MagnitudeMatch
from audiodiff.training.model_features import MelFeatures
from audiodiff.training.objective import Hybrid
from audiodiff.training.source_filter_objectives import ResidualDiffusion, SourceFilterLikelihood, SourceMatch
from audiodiff.training.unrolled import Unrolled
from audiodiff.training.whitened import Whitened

TENSORS: dict[type, frozenset[str]] = {
    ClipFeatures: frozenset({"wave", "label", "speaker", "embedding"}),
    SourceFilterFeatures: frozenset({"wave", "mel", "mean"}),
    GlottalFeatures: frozenset({"wave", "mel", "f0", "pulses"}),
    MelFeatures: frozenset({"wave", "mel"}),
}
"""The tensors of each kind of features; the first that a kind is one of counts."""


def features_that_fit(objective: nn.Module) -> Callable[..., Any]:
    """The class of features that an objective learns from."""
    if isinstance(objective, Generative):
        return ClipFeatures
    if isinstance(objective, SourceMatch | SourceFilterLikelihood):
        return GlottalFeatures
    if isinstance(objective, ResidualDiffusion | Unrolled):
        return SourceFilterFeatures
    return MelFeatures


def check_model(model: Any) -> None:  # noqa: ANN401 (either kind of model)
    """Raise `ConfigError` for a network that the prior or the prediction does not fit."""
    network, prior, prediction = model.denoiser.network, model.prior, model.denoiser.prediction
    kind, start = type(network).__name__, type(prior).__name__
    if isinstance(network, SpectralGainNetwork) and not isinstance(prior, SourceFilter):
        raise ConfigError(
            f"{kind} looks at the mean and scale of a SourceFilter prior, got {start}: prior=source_filter"
        )
    if sees_mean(network) and not isinstance(prior, SourceFilter) and not inverted(prior):
        raise ConfigError(
            f"this {kind} looks at the prior's mean, and {start} has none: "
            "choose prior=source_filter, or another network"
        )
    if isinstance(network, MelGenerator) and not isinstance(prior, MelLatent):
        raise ConfigError(f"{kind} draws mels, which {start} does not work on: prior=mel_latent, or another network")
    outputs = network.outputs if isinstance(network, DiffWave) else 1
    if outputs != (expected := 2 if isinstance(prediction, LearnedVariance) else 1):
        raise ConfigError(
            f"{type(prediction).__name__} takes {expected} outputs, this {kind} has {outputs}: "
            f"set network=diffwave network.outputs={expected}"
        )
    if isinstance(network, DiffWave) and network.from_v is not None:
        check_from_v(network.from_v, model.denoiser)


def check_from_v(from_v: FromV, denoiser: Denoiser) -> None:
    """Raise `ConfigError` where what follows from v is not the x_0 of this denoiser."""
    if not isinstance(denoiser.prediction, X0Prediction):
        raise ConfigError(f"network.from_v says x_0, got {type(denoiser.prediction).__name__}: choose prediction=x0")
    t = torch.linspace(0.01, 1, 100, dtype=torch.float64)
    ours, theirs = denoiser.schedule, from_v.schedule
    if not (torch.allclose(ours.alpha(t), theirs.alpha(t)) and torch.allclose(ours.sigma(t), theirs.sigma(t))):
        raise ConfigError("network.from_v has another schedule than the denoiser: give it schedule=${schedule}")


def check_objective(model: Any, objective: nn.Module) -> None:  # noqa: ANN401 (either kind of model)
    """Raise `ConfigError` for an objective that the model does not fit."""
    name = type(objective).__name__
    if isinstance(objective, Generative) != isinstance(model, GenerativeModel):
        raise ConfigError(
            f"objective=generative and a GenerativeModel belong together, got {name} and {type(model).__name__}: "
            "begin with an experiment such as fsdd_digits, or with one of a vocoder"
        )
    flat, draws_mels = isinstance(model.prior, MelLatent), isinstance(model.denoiser.network, MelGenerator)
    if flat and not draws_mels and not isinstance(objective, MagnitudeMatch):
        raise ConfigError(
            f"MelLatent works on mels, which {name} of a network for waveforms does not: choose another prior"
        )
    if flat and isinstance(objective, Whitened):
        raise ConfigError(f"MelLatent works on mels, {name} whitens waveforms: choose objective=simple")
    learned = isinstance(model.denoiser.prediction, LearnedVariance)
    if learned and not isinstance(objective, Hybrid) and trains_denoiser(model):
        raise ConfigError(f"{name} does not teach a variance: choose objective=hybrid, or prediction=eps")


def check_features(objective: nn.Module, features: object) -> None:
    """Raise `ConfigError` for features that are not the tensors that an objective takes."""
    given = next((names for kind, names in TENSORS.items() if isinstance(features, kind)), None)
    if given is None:
        known = ", ".join(kind.__name__ for kind in TENSORS)
        raise ConfigError(f"got features of kind {type(features).__name__}: expected one of {known}, or leave them out")
    parameters = inspect.signature(objective.forward).parameters
    needed = {name for name, parameter in parameters.items() if parameter.default is inspect.Parameter.empty}
    lacking, unknown = needed - given, given - parameters.keys()
    if lacking or unknown:
        parts = [f"lacks {', '.join(sorted(lacking))}"] * bool(lacking)
        parts += [f"has no use for {', '.join(sorted(unknown))}"] * bool(unknown)
        raise ConfigError(
            f"{type(objective).__name__} {' and '.join(parts)} of {type(features).__name__}: leave out features=, "
            "which then follow from the objective and the prior"
        )


def check_data(kind: type, features: object) -> None:
    """Raise `ConfigError` for a kind of corpus that does not call features as these are."""
    if issubclass(kind, ClipData) != isinstance(features, ClipFeatures):
        raise ConfigError(
            f"{kind.__name__} does not go with {type(features).__name__}: "
            "data=fsdd_clips and sc09_clips are for objective=generative, the others for vocoders"
        )


def inverted(prior: object) -> bool:
    """Tell whether the prior's mean is an inversion of the mel."""
    return isinstance(prior, MelInversion) and not isinstance(prior, MelLatent)


def sees_mean(network: nn.Module) -> bool:
    """Tell whether a network cannot do without the prior's mean."""
    return isinstance(network, DiffWave) and network.sees_mean


def trains_denoiser(model: DiffusionModel | GenerativeModel) -> bool:
    """Tell whether the objective that was built on the model left its denoiser anything to learn."""
    return any(parameter.requires_grad for parameter in model.denoiser.parameters())
