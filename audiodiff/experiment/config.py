"""Configs: their folder, their composition, and the objects that they describe."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

import audiodiff
from audiodiff.bundle.aliases import brought_up_to_date
from audiodiff.mel.conventions import CONVENTIONS
from audiodiff.mel.spec import MelSpec


def config_dir() -> Path:
    """The folder of configs: inside an installed package, beside it in a checkout."""
    package = Path(audiodiff.__file__).parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def register_conventions() -> None:
    """Make every named mel convention a choice of the config group `mel`, as in `mel=hifigan_22k`.

    A node holds what differs from the defaults of `MelSpec`, like a file that somebody would write.
    """
    defaults = {field.name: field.default for field in fields(MelSpec)}
    for name, spec in CONVENTIONS.items():
        told = {key: value for key, value in spec.to_dict().items() if value != defaults[key]}
        ConfigStore.instance().store(group="mel", name=name, node={"_target_": "audiodiff.mel.MelSpec", **told})


register_conventions()


def compose_config(name: str, overrides: list[str]) -> DictConfig:
    """Compose a top-level config with overrides such as `experiment=ljspeech_diffwave`."""
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        return compose(config_name=name, overrides=overrides)


def build(node: DictConfig | None, **arguments: object) -> Any:  # noqa: ANN401 (whatever the config names)
    """Build what a config node describes; a partial one is called with `arguments`."""
    tree = brought_up_to_date(OmegaConf.to_container(node, resolve=True)) if isinstance(node, DictConfig) else node
    built = instantiate(tree, _convert_="all")
    return built(**arguments) if arguments else built
