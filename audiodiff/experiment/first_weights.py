"""The weights that a run begins with: those of a checkpoint or a bundle, where names and shapes agree."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lightning.fabric.utilities.rank_zero import rank_zero_only
from rich.console import Console
from torch import Tensor, nn

from audiodiff.bundle.format import CONFIG, load_bundle
from audiodiff.bundle.location import bundle_folder, shipped
from audiodiff.errors import BundleError, InputError
from audiodiff.experiment.checkpoint_state import model_state, read_checkpoint

_ENOUGH = 0.5
"""The share of the model's weights and of the source's that must be the same, in at least one network of both."""
_NETWORK = 2
"""Parts of a name that say which network it is of, such as denoiser.network and prior.filter."""
_DEPTH = 3
"""Parts of a name by which weights are counted together, such as denoiser.network.stack."""


@dataclass(frozen=True)
class Taken:
    """The names of a model's weights by what became of them, and of those of the source that were of no use."""

    taken: list[str]
    other_shape: list[str]
    absent: list[str]
    unused: list[str]

    def __str__(self) -> str:
        parts = [f"took {len(self.taken)} tensors"]
        for names, said in (
            (self.other_shape, "of another shape there and left as they were"),
            (self.absent, "not there and left as they were"),
            (self.unused, "there and of no use"),
        ):
            parts += [f"{said}: {counted(names)}"] if names else []
        return "; ".join(parts)


def weights_of(source: str) -> dict[str, Tensor]:
    """The model's weights in a checkpoint, or in a bundle by its folder, its name or its address on the hub.

    Raises `InputError` for a file that is no checkpoint and for what is neither.
    """
    path = Path(source)
    if path.is_file():
        return model_state(read_checkpoint(path, "start"))
    if path.suffix == ".ckpt" or (path.is_dir() and not (path / CONFIG).is_file()):
        hint = " (its bundle is in the folder bundle)" if (path / "bundle").is_dir() else ""
        raise InputError(f"cannot start from {source}: there is no such checkpoint, nor a bundle{hint}")
    try:
        return load_bundle(bundle_folder(source)).model.state_dict()
    except BundleError as error:
        raise InputError(
            f"cannot start from {source}: expected a checkpoint, a bundle's folder, `user/repo` of the hub, or one of "
            f"{', '.join(shipped())} ({error})"
        ) from error


def load_first(model: nn.Module, source: str) -> str:
    """Load the weights of `source` wherever name and shape agree; print and return a line that says which they are.

    Raises `InputError` where there is no network of which they are at least half, in the model and in the source.
    """
    ours, theirs = model.state_dict(), weights_of(source)
    fits = [name for name in ours if name in theirs and theirs[name].shape == ours[name].shape]
    there = [name for name in ours if name in theirs and theirs[name].shape != ours[name].shape]
    taken = Taken(
        taken=fits,
        other_shape=there,
        absent=[name for name in ours if name not in theirs],
        unused=[name for name in theirs if name not in ours],
    )
    shares = {network: share(network, fits, ours, theirs) for network in {start(name, _NETWORK) for name in ours}}
    if max(shares.values()) < _ENOUGH:
        found = ", ".join(f"{network} {value:.0%}" for network, value in sorted(shares.items()))
        raise InputError(f"cannot start from {source}: too little fits any network of this model ({found}); {taken}")
    model.load_state_dict({name: theirs[name] for name in fits}, strict=False)
    line = f"init_from={source}: {taken}"
    rank_zero_only(Console().print)(line, highlight=False, markup=False, soft_wrap=True)
    return line


def share(network: str, fits: list[str], ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """The share of a network's values that fit: of the model's or of the source's, whichever is less."""
    sizes = [
        sum(tensor.numel() for name, tensor in state.items() if start(name, _NETWORK) == network)
        for state in (ours, theirs)
    ]
    return sum(ours[name].numel() for name in fits if start(name, _NETWORK) == network) / max(1, *sizes)


def start(name: str, depth: int) -> str:
    """The first parts of a dotted name."""
    return ".".join(name.split(".")[:depth])


def counted(names: list[str]) -> str:
    """Names by what they begin with, each with how many there are."""
    counts = Counter(start(name, _DEPTH) for name in names)
    return ", ".join(f"{begins} ({number})" if number > 1 else begins for begins, number in counts.items())
