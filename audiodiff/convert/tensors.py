"""Foreign tensors made to fit our networks, completely or not at all."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from audiodiff.errors import CheckpointError

ForeignTensors = dict[str, Tensor]


def check_fit(
    network: nn.Module, tensors: Mapping[str, Tensor], path: Path, foreign_name: Callable[[str], str]
) -> None:
    """Raise `CheckpointError` unless the tensors have exactly the names and shapes of the network's parameters."""
    own = network.state_dict()
    check_names(tensors, map(foreign_name, own), path)
    for name, parameter in own.items():
        given = tensors[foreign_name(name)]
        if given.shape != parameter.shape:
            raise CheckpointError(
                f"{path}: {foreign_name(name)} has shape {tuple(given.shape)}, its hyper-parameters ask for "
                f"{tuple(parameter.shape)}: the checkpoint and its config do not belong together"
            )


def check_names(given: Iterable[str], expected: Iterable[str], path: Path) -> None:
    """Raise `CheckpointError` with the names that are missing and those that are left over."""
    here, wanted = dict.fromkeys(given), dict.fromkeys(expected)
    missing = [name for name in wanted if name not in here]
    left_over = [name for name in here if name not in wanted]
    if missing or left_over:
        parts = [
            f"{what}: {_listed(names)}" for what, names in (("missing", missing), ("left over", left_over)) if names
        ]
        raise CheckpointError(f"{path} does not hold the tensors of this network; {'; '.join(parts)}")


def check_count(tensors: Iterable[str], prefix: str, expected: int, path: Path) -> None:
    """Raise `CheckpointError` unless as many numbered blocks lie under a prefix as the hyper-parameters say."""
    found = {name.removeprefix(prefix).split(".")[0] for name in tensors if name.startswith(prefix)}
    if len(found) != expected:
        raise CheckpointError(
            f"{path} holds {len(found)} {prefix.rstrip('.')}, its hyper-parameters say {expected}: "
            "the checkpoint and its config do not belong together"
        )


def without_weight_norm(tensors: Mapping[str, Tensor], path: Path) -> ForeignTensors:
    """Multiply out weight_g · weight_v / |weight_v| (Salimans & Kingma 2016), one norm for each output channel."""
    stems = {name[:-2] for name in tensors if name.endswith(("weight_g", "weight_v"))}
    halves = [f"{stem}_{half}" for stem in sorted(stems) for half in "gv"]
    check_names([name for name in tensors if name[:-2] in stems], halves, path)
    plain = {name: tensor for name, tensor in tensors.items() if name[:-2] not in stems}
    for stem in stems:
        gain, direction = tensors[stem + "_g"], tensors[stem + "_v"]
        norm = torch.linalg.vector_norm(direction, dim=tuple(range(1, direction.ndim)), keepdim=True)
        plain[stem] = gain * direction / norm
    return plain


def _listed(names: list[str], most: int = 6) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
