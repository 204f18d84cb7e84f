"""Models for other mel conventions that share every weight with one whose weights belong to no convention."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from audiodiff.errors import ConfigError
from audiodiff.mel.spec import MelSpec


def with_mel(tree: Any, spec: MelSpec) -> Any:  # noqa: ANN401 (constructors as JSON values, in and out)
    """The same constructors with every `mel` replaced by this convention."""
    if isinstance(tree, list):
        return [with_mel(item, spec) for item in tree]
    if not isinstance(tree, Mapping):
        return tree
    named = {"_target_": "audiodiff.mel.spec.MelSpec", **spec.to_dict()}
    return {
        key: named if key == "mel" and isinstance(value, Mapping) else with_mel(value, spec)
        for key, value in tree.items()
    }


def share_parameters(module: nn.Module, sibling: nn.Module) -> None:
    """Let a module of the same structure have this one's parameters; raises `ConfigError` where shapes differ."""
    theirs = dict(sibling.named_parameters())
    for name, parameter in module.named_parameters():
        if name not in theirs or theirs[name].shape != parameter.shape:
            raise ConfigError(f"{name} depends on the mel convention, so it cannot serve every one")
        parent, _, leaf = name.rpartition(".")
        setattr(sibling.get_submodule(parent), leaf, parameter)
