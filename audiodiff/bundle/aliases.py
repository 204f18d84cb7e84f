"""Old dotted paths of what configs name, and the places where it is now: bundles and users' configs keep loading."""

from collections.abc import Mapping
from typing import Any

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
}
"""Modules and objects by their former path; whatever a module holds has moved with it."""


def current(path: str) -> str:
    """The dotted path by which an object is found today; one that never moved stays as it is."""
    module, dot, name = path.rpartition(".")
    if path in MOVED:
        return MOVED[path]
    return f"{MOVED[module]}{dot}{name}" if module in MOVED else path


def brought_up_to_date(node: Any) -> Any:  # noqa: ANN401 (a tree of plain values in, the same tree out)
    """A tree of constructors with every `_target_` as it is called today."""
    if isinstance(node, list | tuple):
        return [brought_up_to_date(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    fresh = {key: brought_up_to_date(value) for key, value in node.items()}
    if isinstance(fresh.get("_target_"), str):
        fresh["_target_"] = current(fresh["_target_"])
    return fresh
