"""Objects from trees of constructors (`_target_` and arguments), as they stand in a bundle's config.json.

A bundle is a stranger's file: only classes and functions that audiodiff's own packages define are called.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from audiodiff.bundle.aliases import current, departure
from audiodiff.bundle.argument_types import check_arguments
from audiodiff.errors import BundleError, UntrustedBundleError

CLASSES = (
    "audiodiff.diffusion",
    "audiodiff.mel",
    "audiodiff.models",
    "audiodiff.networks",
    "audiodiff.priors",
)
FUNCTIONS = ("audiodiff.diffusion",)

Tree = dict[str, Any]


def build(node: Any) -> Any:  # noqa: ANN401 (a JSON value in, whatever it describes out)
    """Build a tree of constructors, refusing everything that audiodiff does not define itself."""
    if isinstance(node, list):
        return [build(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    arguments = {key: build(value) for key, value in node.items() if not key.startswith("_")}
    if "_target_" not in node:
        return arguments
    target = resolve(node["_target_"])
    check_arguments(target, arguments)
    return partial(target, **arguments) if node.get("_partial_") else target(**arguments)


def resolve(path: str) -> Callable[..., Any]:
    """Find a class or a function by its dotted path, old or new, if it is defined at that very place in audiodiff.

    Raises `BundleError` for a class that has left audiodiff, `UntrustedBundleError` for what never was a part of it.
    """
    if said := departure(str(path)):
        raise BundleError(said)
    module_name, _, name = current(str(path)).rpartition(".")
    if not _inside(module_name, CLASSES):
        raise UntrustedBundleError(f"{path} is not a part of audiodiff that a bundle may name; nothing was loaded")
    try:
        found = getattr(import_module(module_name), name, None)
    except ImportError as error:
        raise UntrustedBundleError(f"audiodiff has no module {module_name}; nothing was loaded") from error
    may_be_function = _inside(module_name, FUNCTIONS)
    if callable(found) and found.__module__ == module_name and (isinstance(found, type) or may_be_function):
        return found
    raise UntrustedBundleError(f"{module_name} defines no {name!r} that a bundle may name; nothing was loaded")


def canonical(node: Any) -> Any:  # noqa: ANN401 (a JSON value in, a JSON value out)
    """Replace every `_target_` by the path of the module that defines it."""
    if isinstance(node, list | tuple):
        return [canonical(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    plain = {key: canonical(value) for key, value in node.items()}
    if "_target_" in plain:
        module_name, _, name = current(plain["_target_"]).rpartition(".")
        found = getattr(import_module(module_name), name)
        plain["_target_"] = f"{found.__module__}.{found.__qualname__}"
        resolve(plain["_target_"])
    return plain


def _inside(module_name: str, packages: tuple[str, ...]) -> bool:
    return any(module_name == package or module_name.startswith(package + ".") for package in packages)


_DRAWS = (torch.Tensor.uniform_, torch.Tensor.normal_)
"""The draws inside those functions of torch.nn.init that torch shows to no mode."""


class Unfilled(TorchFunctionMode):
    """Draw no initial weights where others take their place: that takes time, and the caller's random numbers."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Tree | None = None
    ) -> Any:  # noqa: ANN401 (torch's own signature)
        given = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init" or func in _DRAWS:
            return given["tensor"] if "tensor" in given else args[0]
        return func(*args, **given)


class Allowance(TorchFunctionMode):
    """Stop a config that asks for more parameters than its weights file holds before they fill the memory."""

    def __init__(self, parameters: int) -> None:
        super().__init__()
        self.parameters = self.left = parameters

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Tree | None = None
    ) -> Any:  # noqa: ANN401 (torch's own signature)
        result = func(*args, **(kwargs or {}))
        if func is torch.empty:  # which reserves memory and does not touch it
            self.left -= result.numel()
            if self.left < 0:
                raise BundleError(
                    f"model.safetensors does not fit its config, which asks for more than its {self.parameters} numbers"
                )
        return result
