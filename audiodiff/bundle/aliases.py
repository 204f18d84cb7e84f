"""Old dotted paths of what configs name, and the places where it is now: bundles and users' configs keep loading.

What has lost has left the code instead; what names it is refused in a sentence that says where it is still to be had.
"""

from collections.abc import Mapping
from typing import Any

from audiodiff.errors import ConfigError

MOVED: Mapping[str, str] = {
    "audiodiff.audio.MelSpec": "audiodiff.mel.MelSpec",
    "audiodiff.audio.spec": "audiodiff.mel.spec",
    "audiodiff.diffusion.samplers.ddim": "audiodiff.diffusion.samplers.first_order",
    "audiodiff.diffusion.samplers.heun": "audiodiff.diffusion.samplers.second_order",
    "audiodiff.diffusion.samplers.unipc": "audiodiff.diffusion.samplers.predictor_corrector",
    "audiodiff.diffusion.weights": "audiodiff.diffusion.loss_weights",
    "audiodiff.generative": "audiodiff.models.generative_model",
    "audiodiff.model": "audiodiff.models.diffusion_model",
    "audiodiff.priors.spectral": "audiodiff.priors.spectral_envelope",
    "audiodiff.training.features": "audiodiff.training.model_features",
    "audiodiff.training.inversion": "audiodiff.training.magnitude_match",
    "audiodiff.training.inversion_objectives": "audiodiff.training.magnitude_match",
}
"""Modules and objects by their former path; whatever a module holds has moved with it."""

LEFT: Mapping[str, str] = {
    "audiodiff.networks.LocalSpectralNetwork": "f966c5d",
    "audiodiff.networks.SpectralDiffWave": "f966c5d",
    "audiodiff.networks.SpectralGenerator": "ea57919",
    "audiodiff.priors.NnlsMagnitudes": "f966c5d",
    "audiodiff.training.Endpoint": "e947cd8",
    "audiodiff.training.InversionFeatures": "e947cd8",
    "audiodiff.training.MeanFeatures": "e947cd8",
    "audiodiff.training.Refinement": "e947cd8",
    "audiodiff.training.Rollout": "e947cd8",
}
"""Classes that are no more, by package and name, and a commit that still has them: all left before a first release."""


def departure(path: str) -> str | None:
    """Say in a sentence where a class that has left is still to be had; None for any other path."""
    *places, name = path.split(".")
    commit = LEFT.get(".".join([*places[:2], name]))
    if commit is None:
        return None
    return f"{name} left audiodiff before 0.1.0, its first release: commit {commit} still has it"


def current(path: str) -> str:
    """The dotted path by which an object is found today; one that never moved stays as it is."""
    module, dot, name = path.rpartition(".")
    if path in MOVED:
        return MOVED[path]
    return f"{MOVED[module]}{dot}{name}" if module in MOVED else path


def brought_up_to_date(node: Any) -> Any:  # noqa: ANN401 (a tree of plain values in, the same tree out)
    """A tree of constructors with every `_target_` as it is called today; `ConfigError` for one that has left."""
    if isinstance(node, list | tuple):
        return [brought_up_to_date(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    fresh = {key: brought_up_to_date(value) for key, value in node.items()}
    if isinstance(fresh.get("_target_"), str):
        if said := departure(fresh["_target_"]):
            raise ConfigError(said)
        fresh["_target_"] = current(fresh["_target_"])
    return fresh
