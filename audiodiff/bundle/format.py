"""A bundle: a folder with config.json, model.safetensors and README.md, which is all that a model needs to be used.

config.json holds a tree of constructors (`_target_` and arguments). A bundle is a stranger's file, so only
classes and functions that audiodiff's own packages define are built from it, and weights are safetensors only.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from audiodiff.audio.atomic import folder_written_whole, library_writes, written_whole
from audiodiff.bundle.constructors import Allowance, Tree, Unfilled, build, canonical
from audiodiff.bundle.forking import compute_after_forks
from audiodiff.bundle.shared_prior import BUNDLES, PRIOR, prior_weights, weights_digest, with_shared_prior
from audiodiff.defaults import usual_defaults
from audiodiff.diffusion import SAMPLERS, Sampler, Schedule, Times, explicit, uniform
from audiodiff.errors import AudiodiffError, BundleError, ConfigError, OutputError
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.models.generative_model import GenerativeModel
from audiodiff.version import __version__

_FORMAT = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
HEADER = ("format", "audiodiff", "name", "prior_of")
"""The keys of config.json beside the trees of constructors: what wrote it, and whose prior it shares."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A bundle's name becomes part of file names, so it may hold no path, and not more than they do."""
_LARGEST_CONFIG = 1 << 20
MOST_STEPS = 10_000
"""Network steps; no model is trained with more."""


AnyModel = DiffusionModel | GenerativeModel
"""A vocoder or a generator."""


@dataclass(frozen=True)
class Bundle:
    """A loaded model with the sampler and the grid that it is meant to be used with.

    `grids` are those that were tuned for a number of steps. `config`, `card` and `dtype` are what `save_bundle` takes
    to write it again; a model that came from no bundle has no `config`.
    """

    name: str
    model: AnyModel
    sampler: Sampler
    grid: Callable[[Schedule], Times]
    grids: Mapping[int, Times] = field(default_factory=dict)
    config: Tree = field(default_factory=dict)
    card: str = ""
    dtype: torch.dtype = torch.float16

    @property
    def n_steps(self) -> int:
        """Number of network steps that are taken unless the caller says otherwise."""
        return len(self.grid(self.model.denoiser.schedule)) - 1

    def sampler_named(self, name: str | None = None) -> Sampler:
        """The sampler of that name, or the model's own; raises `ConfigError` for an unknown one."""
        if name is None:
            return self.sampler
        if not isinstance(name, str) or name not in SAMPLERS:
            raise ConfigError(f"no sampler {name!r}: choose one of {', '.join(sorted(SAMPLERS))}")
        return SAMPLERS[name]

    def times(self, n_steps: int | None = None) -> Times:
        """The grid for a number of network steps: one tuned for it, else the model's own or a uniform one."""
        schedule = self.model.denoiser.schedule
        n_steps = self.n_steps if n_steps is None else n_steps
        if not 1 <= n_steps <= MOST_STEPS:
            raise ConfigError(f"got {n_steps} steps: expected 1 to {MOST_STEPS}, and a few are usual")
        if n_steps in self.grids:
            return self.grids[n_steps]
        return self.grid(schedule) if n_steps == self.n_steps else uniform(schedule, n_steps)


def save_bundle(
    folder: Path,
    name: str,
    config: Tree,
    model: AnyModel,
    card: str,
    dtype: torch.dtype = torch.float16,
    *,
    prior_of: str | None = None,
) -> Path:
    """Write a bundle; weights are kept as `dtype`, by default in half precision.

    With `prior_of`, the name of a voice that ships and has the same prior, its weights are left out.

    `config` has the keys `model`, `sampler` and `grid`, each a tree of constructors. The folder appears whole
    or not at all, and replaces a bundle of the same name at one instant. Raises `OutputError` where it cannot be
    written, or would replace something else than a bundle.
    """
    check_name(name)
    check_place(folder)
    header: Tree = {"format": _FORMAT, "audiodiff": __version__, "name": name}
    weights = {key: tensor.detach().cpu().to(dtype).contiguous() for key, tensor in model.state_dict().items()}
    if prior_of is not None:
        shared = {"voice": prior_of, "sha256": weights_digest(prior_weights(weights))}
        with_shared_prior({}, shared, _weights_of_voice)
        header["prior_of"] = shared
        weights = {key: tensor for key, tensor in weights.items() if not key.startswith(PRIOR)}
    text = json.dumps(header | canonical(config), indent=1) + "\n"
    with folder_written_whole(folder) as scratch:
        (scratch / CONFIG).write_text(text, encoding="utf-8")
        with library_writes(folder / WEIGHTS):
            save_file(weights, scratch / WEIGHTS)
        (scratch / CARD).write_text(card, encoding="utf-8")
    return folder


def check_place(folder: Path) -> None:
    """Raise `OutputError` for a place that holds something else than a bundle."""
    if folder.exists() and not (folder / CONFIG).is_file() and (folder.is_file() or any(folder.iterdir())):
        raise OutputError(f"{folder} is there already and is no bundle: give another folder")


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle on the CPU in float32; raises `BundleError` for one that is missing, damaged or newer."""
    return load_as(read_config(folder), folder)


@usual_defaults()
def load_as(config: Tree, folder: Path) -> Bundle:
    """Build what a config describes and give it the weights of a bundle; raises as `load_bundle` does."""
    compute_after_forks()
    own, dtype = _read_weights(folder / WEIGHTS)
    weights = with_shared_prior(own, config.get("prior_of"), _weights_of_voice)
    try:
        with Unfilled(), Allowance(sum(tensor.numel() for tensor in weights.values())):
            model = build(config["model"])
        sampler, grid = build(config["sampler"]), build(config["grid"])
    except AudiodiffError:
        raise
    except Exception as error:  # arguments from a stranger make constructors fail in every way there is
        raise BundleError(f"{folder / CONFIG} does not describe a model: {type(error).__name__} {error}") from error
    if not isinstance(model, AnyModel):
        raise BundleError(f"{folder / CONFIG} describes a {type(model).__name__}, not a vocoder or a generator")
    if not isinstance(sampler, Callable) or not isinstance(grid, Callable):
        raise BundleError(f"{folder / CONFIG} describes no sampler and grid that can be called")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip()
        raise BundleError(f"{folder / WEIGHTS} does not fit its {CONFIG}: {first}") from error
    return Bundle(
        name=config["name"],
        model=model.eval(),
        sampler=sampler,
        grid=grid,
        grids=_tuned_grids(config, model.denoiser.schedule, folder / CONFIG),
        config={key: value for key, value in config.items() if key not in HEADER},
        card=(folder / CARD).read_text(encoding="utf-8", errors="replace") if (folder / CARD).is_file() else "",
        dtype=dtype,
    )


def add_grid(folder: Path, times: Sequence[float], note: str) -> None:
    """Make `times` the bundle's grid for that number of steps, and append `note` to its model card."""
    config = read_config(folder)
    config["grids"] = config.get("grids", {}) | {str(len(times) - 1): list(times)}
    _tuned_grids(config, build(config["model"]).denoiser.schedule, folder / CONFIG)
    card = (folder / CARD).read_bytes().rstrip() + b"\n\n" if (folder / CARD).is_file() else b""
    for name, content in ((CONFIG, json.dumps(config, indent=1).encode()), (CARD, card + note.encode())):
        with written_whole(folder / name) as scratch:
            scratch.write_bytes(content + b"\n")


def read_config(folder: Path) -> Tree:
    """Read the tree of constructors without building any; raises `BundleError` as `load_bundle` does."""
    path = folder / CONFIG
    try:
        if path.exists() and not path.is_file():
            raise BundleError(f"{path} is not a file: expected the config of a bundle")
        if path.stat().st_size > _LARGEST_CONFIG:
            raise BundleError(f"{path} has {path.stat().st_size} bytes, a config at most {_LARGEST_CONFIG}")
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"{folder} is no bundle: {path.name} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is damaged: {error}") from error
    if not isinstance(config, dict) or "format" not in config:
        raise BundleError(f"{path} is no config of a bundle of audiodiff: it says no format")
    if (found := config["format"]) != _FORMAT:
        raise BundleError(f"{path} has format {found!r}, this audiodiff reads format {_FORMAT}: update audiodiff")
    check_name(config.get("name"))
    return config


def check_name(name: object) -> None:
    """Raise `BundleError` for a name that could lead out of the folder it is used in."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BundleError(f"{name!r} is no name for a bundle: expected up to 100 letters, digits and . _ -")


def _tuned_grids(config: Tree, schedule: Schedule, path: Path) -> dict[int, Times]:
    try:
        grids = {int(n_steps): explicit(schedule, times) for n_steps, times in config.get("grids", {}).items()}
    except Exception as error:  # a stranger's values, as in `load_bundle`
        raise BundleError(f"{path} has grids that cannot be sampled on: {error}") from error
    if wrong := [n_steps for n_steps, times in grids.items() if len(times) != n_steps + 1]:
        raise BundleError(f"{path} has grids of another length than their number of steps {wrong}")
    return grids


def _weights_of_voice(name: str) -> dict[str, Tensor]:
    return _read_weights(BUNDLES / name / WEIGHTS)[0]


def _read_weights(path: Path) -> tuple[dict[str, Tensor], torch.dtype]:
    """The weights in float32, and the finest precision that any of them was kept in."""
    if not path.is_file():
        raise BundleError(f"there is no file {path}, which holds the weights of a bundle")
    try:
        weights = load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise BundleError(f"{path} cannot be read as safetensors: {error}") from error
    if odd := [name for name, tensor in weights.items() if tensor.is_complex()]:
        raise BundleError(f"{path} holds complex numbers as {odd[0]}: expected real weights")
    kept = {tensor.dtype for tensor in weights.values() if tensor.is_floating_point()}
    dtype = max(kept, key=lambda dtype: dtype.itemsize, default=torch.float32)
    return {name: tensor.to(torch.float32) for name, tensor in weights.items()}, dtype
