"""A bundle: a folder with config.json, model.safetensors and README.md, which is all that a model needs to be used.

config.json holds a tree of constructors (`_target_` and arguments). A bundle is a stranger's file, so only
classes and functions that audiodiff's own packages define are built from it, and weights are safetensors only.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from audiodiff.audio.atomic import written_whole
from audiodiff.diffusion import Sampler, Schedule, Times, explicit
from audiodiff.errors import BundleError, UntrustedBundleError
from audiodiff.model import DiffusionModel
from audiodiff.version import __version__

FORMAT = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
CLASSES = (
    "audiodiff.audio",
    "audiodiff.diffusion",
    "audiodiff.model",
    "audiodiff.networks",
    "audiodiff.priors",
)
FUNCTIONS = ("audiodiff.diffusion",)

Tree = dict[str, Any]


@dataclass(frozen=True)
class Bundle:
    """A loaded model with the sampler and the grid that it is meant to be used with.

    `grids` are those that were tuned for a number of steps.
    """

    name: str
    model: DiffusionModel
    sampler: Sampler
    grid: Callable[[Schedule], Times]
    grids: Mapping[int, Times] = field(default_factory=dict)


def save_bundle(folder: Path, name: str, config: Tree, model: DiffusionModel, card: str) -> Path:
    """Write a bundle; floating-point weights are kept in half precision.

    `config` has the keys `model`, `sampler` and `grid`, each a tree of constructors. The folder appears whole
    or not at all, and replaces one of the same name.
    """
    scratch = folder.with_name(folder.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    header = {"format": FORMAT, "audiodiff": __version__, "name": name}
    (scratch / CONFIG).write_text(json.dumps(header | canonical(config), indent=1) + "\n", encoding="utf-8")
    weights = {key: tensor.detach().cpu().half().contiguous() for key, tensor in model.state_dict().items()}
    save_file(weights, scratch / WEIGHTS)
    (scratch / CARD).write_text(card, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)
    return folder


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle on the CPU in float32; raises `BundleError` for one that is missing, damaged or newer."""
    config = _read_config(folder)
    try:
        model = build(config["model"])
        sampler, grid = build(config["sampler"]), build(config["grid"])
    except (KeyError, TypeError) as error:
        raise BundleError(f"{folder / CONFIG} does not describe a model: {error}") from error
    if not isinstance(model, DiffusionModel):
        raise BundleError(f"{folder / CONFIG} describes a {type(model).__name__}, not a DiffusionModel")
    grids = _tuned_grids(config, model.denoiser.schedule, folder / CONFIG)
    _load_weights(model, folder / WEIGHTS)
    return Bundle(name=config["name"], model=model.eval(), sampler=sampler, grid=grid, grids=grids)


def add_grid(folder: Path, times: Sequence[float], note: str) -> None:
    """Make `times` the bundle's grid for that number of steps, and append `note` to its model card."""
    config = _read_config(folder)
    config["grids"] = config.get("grids", {}) | {str(len(times) - 1): list(times)}
    _tuned_grids(config, build(config["model"]).denoiser.schedule, folder / CONFIG)
    card = (folder / CARD).read_text(encoding="utf-8")
    for name, text in ((CONFIG, json.dumps(config, indent=1)), (CARD, f"{card.rstrip()}\n\n{note}")):
        with written_whole(folder / name) as scratch:
            scratch.write_text(text + "\n", encoding="utf-8")


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
    return partial(target, **arguments) if node.get("_partial_") else target(**arguments)


def resolve(path: str) -> Callable[..., Any]:
    """Find a class or a function by its dotted path, if it is defined at that very place inside audiodiff."""
    module_name, _, name = str(path).rpartition(".")
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
        module_name, _, name = plain["_target_"].rpartition(".")
        found = getattr(import_module(module_name), name)
        plain["_target_"] = f"{found.__module__}.{found.__qualname__}"
        resolve(plain["_target_"])
    return plain


def _inside(module_name: str, packages: tuple[str, ...]) -> bool:
    return any(module_name == package or module_name.startswith(package + ".") for package in packages)


def _read_config(folder: Path) -> Tree:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"{folder} is no bundle: {path.name} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BundleError(f"{path} is damaged: {error}") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        found = config.get("format") if isinstance(config, dict) else type(config).__name__
        raise BundleError(f"{path} has format {found!r}, this audiodiff reads format {FORMAT}: update audiodiff")
    return config


def _tuned_grids(config: Tree, schedule: Schedule, path: Path) -> dict[int, Times]:
    try:
        grids = {int(n_steps): explicit(schedule, times) for n_steps, times in config.get("grids", {}).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise BundleError(f"{path} has grids that cannot be sampled on: {error}") from error
    if wrong := [n_steps for n_steps, times in grids.items() if len(times) != n_steps + 1]:
        raise BundleError(f"{path} has grids of another length than their number of steps {wrong}")
    return grids


def _load_weights(model: DiffusionModel, path: Path) -> None:
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise BundleError(f"{path} cannot be read as safetensors: {error}") from error
    try:
        model.load_state_dict({key: tensor.to(torch.float32) for key, tensor in weights.items()})
    except RuntimeError as error:
        raise BundleError(f"{path} does not fit its config.json: {error}") from error
