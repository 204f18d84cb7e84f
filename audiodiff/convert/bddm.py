"""Score networks of tencent-ailab/bddm: philsyn's network, told real-valued steps."""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from audiodiff.bundle.constructors import Tree, canonical
from audiodiff.convert.checkpoint import Checkpoint, read_config, read_pickle
from audiodiff.convert.converted import Converted, grid_of
from audiodiff.convert.hyperparameters import Hyperparameters
from audiodiff.convert.philsyn_diffwave import assemble, has_its_network, tacotron_mel
from audiodiff.errors import CheckpointError

_PROJECT = "tencent-ailab/bddm"
SCHEDULER = "schedule_net."
_NOTE = "BDDM's schedule network is left behind: the grid of this bundle is what such a search results in."


def recognizes(checkpoint: Checkpoint) -> bool:
    """Recognize the files of BDDM's trainer, or a score network alone with its conf.yml."""
    if not has_its_network(checkpoint) or "optimizer_state_dict" in checkpoint.content:
        return False
    return "config" in checkpoint.content or checkpoint.companion("conf*.y*ml") is not None


def convert(checkpoint: Checkpoint) -> Converted:
    """Read a score network; its own config, or conf.yml beside it, says how it was built.

    A searched schedule (.ns) beside it becomes the grid, else DiffWave's own fast one.
    """
    params = hyperparameters(checkpoint)
    state = checkpoint.state("model_state_dict")
    score = {name: tensor for name, tensor in state.items() if not str(name).startswith(SCHEDULER)}
    converted = assemble(
        replace(checkpoint, content={"model_state_dict": score}),
        _PROJECT,
        wavenet=params,
        diffusion=params,
        mel=tacotron_mel(params, "fil_len", "win_len", "hop_len"),
    )
    config = converted.config | searched_grid(checkpoint)
    notes = (_NOTE,) if len(score) < len(state) else ()
    return replace(converted, name="bddm", config=config, notes=notes)


def hyperparameters(checkpoint: Checkpoint) -> Hyperparameters:
    """The config inside the checkpoint, or the one in a conf.yml."""
    inside: Any = checkpoint.content.get("config")
    if isinstance(inside, Namespace | Mapping):
        return Hyperparameters(inside if isinstance(inside, Mapping) else vars(inside), f"config in {checkpoint.path}")
    source = checkpoint.companion("conf*.y*ml")
    if source is None:
        raise CheckpointError(
            f"{checkpoint.path} does not say how its network was built: lay BDDM's conf.yml beside it or name it "
            "with --config"
        )
    return Hyperparameters(read_config(source), str(source))


def searched_grid(checkpoint: Checkpoint) -> Tree:
    """The grid of the one .ns file beside the checkpoint, nothing where there is none."""
    found = sorted(checkpoint.path.parent.glob("*.ns"))
    if len(found) > 1:
        raise CheckpointError(f"{len(found)} schedules (.ns) lie beside {checkpoint.path}: leave the one to be used")
    if not found:
        return {}
    schedule = read_pickle(found[0])
    if not isinstance(schedule, list | tuple) or len(schedule) != 4 or not isinstance(schedule[2], Tensor):
        raise CheckpointError(f"{found[0]} is no schedule of BDDM's: expected steps, alphas, betas and sigmas")
    return {"grid": canonical(grid_of(schedule[2].to(torch.float64).flatten().tolist()))}
