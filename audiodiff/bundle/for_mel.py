"""A bundle's model for another mel convention, where its weights belong to none."""

from dataclasses import replace

from audiodiff.bundle.constructors import build
from audiodiff.bundle.format import Bundle
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
    check_invertible(spec)
    config = {**bundle.config, "model": with_mel(bundle.config["model"], spec)}
    model = build(config["model"]).to(next(bundle.model.parameters()).device)
    share_parameters(bundle.model, model)
    return replace(bundle, model=model.eval(), config=config)
