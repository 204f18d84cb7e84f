"""Configs: their folder, their composition, and the objects that they describe."""

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

import audiodiff
from audiodiff.bundle.aliases import brought_up_to_date


def config_dir() -> Path:
    """The folder of configs: inside an installed package, beside it in a checkout."""
    package = Path(audiodiff.__file__).parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def compose_config(name: str, overrides: list[str]) -> DictConfig:
    """Compose a top-level config with overrides such as `experiment=ljspeech_diffwave`."""
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        return compose(config_name=name, overrides=overrides)


def build(node: DictConfig | None, **arguments: object) -> Any:  # noqa: ANN401 (whatever the config names)
    """Build what a config node describes; a partial one is called with `arguments`."""
    tree = brought_up_to_date(OmegaConf.to_container(node, resolve=True)) if isinstance(node, DictConfig) else node
    built = instantiate(tree, _convert_="all")
    return built(**arguments) if arguments else built
