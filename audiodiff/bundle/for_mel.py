"""A bundle's model for another mel convention, where its weights belong to none."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from audiodiff.bundle.constructors import Tree, Unfilled, build, resolve
from audiodiff.bundle.format import Bundle, load_as, load_bundle, read_config
from audiodiff.defaults import usual_defaults
from audiodiff.errors import ConfigError
from audiodiff.mel.compatibility import name_of
from audiodiff.mel.invertible import check_invertible
from audiodiff.mel.spec import MelSpec
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.models.siblings import share_parameters, with_mel


def speaks_any_mel(model: object) -> bool:
    """Say if the model can be built for any convention from the same weights."""
    return isinstance(model, DiffusionModel) and getattr(model.prior, "any_mel", False)


@usual_defaults()
def bundle_for(bundle: Bundle, spec: MelSpec) -> Bundle:
    """The same voice for mels of this convention; all weights are shared.

    Raises `ConfigError` for a voice whose weights belong to one convention, and for a convention whose frames cannot be
    put together to a waveform.
    """
    if not isinstance(bundle.model, DiffusionModel) or not speaks_any_mel(bundle.model):
        own = name_of(bundle.model.mel) if isinstance(bundle.model, DiffusionModel) else "no mel"
        raise ConfigError(f"{bundle.name} speaks {own} only: take the voice universal, or convert the mel")
    config = _adapted(bundle.config, spec)
    with Unfilled():
        model = build(config["model"])
    model = model.to(next(bundle.model.parameters()).device)
    share_parameters(bundle.model, model)
    return replace(bundle, model=model.eval(), config=config)


def load_for(folder: Path, spec: MelSpec) -> Bundle:
    """Read a bundle as a voice for mels of this convention; raises as `load_bundle` and `bundle_for` do."""
    config = read_config(folder)
    if _describes_any_mel(config):
        return load_as(_adapted(config, spec), folder)
    bundle = load_bundle(folder)
    spoken = isinstance(bundle.model, DiffusionModel) and bundle.model.mel != spec
    return bundle_for(bundle, spec) if spoken else bundle


def _adapted(config: Tree, spec: MelSpec) -> Tree:
    check_invertible(spec)
    return {**config, "model": with_mel(config["model"], spec)}


def _describes_any_mel(config: Tree) -> bool:
    """Say if a stranger's config describes such a model, before it is built."""
    model = config.get("model")
    prior = model.get("prior") if isinstance(model, Mapping) else None
    return isinstance(prior, Mapping) and getattr(resolve(str(prior.get("_target_"))), "any_mel", False)
