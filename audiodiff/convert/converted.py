"""The result of every converter, and the trees of constructors that converters have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from audiodiff.bundle.constructors import Tree, build, canonical
from audiodiff.bundle.format import Bundle, save_bundle
from audiodiff.convert.checkpoint import Checkpoint
from audiodiff.convert.tensors import check_fit
from audiodiff.errors import CheckpointError, ConfigError
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.version import __version__

FAST = (1e-4, 1e-3, 1e-2, 0.05, 0.2)
"""All but the last beta of DiffWave's six-step schedules (Kong et al. 2021, appendix B)."""
FAST_LAST = {50: 0.5, 200: 0.7}
"""The last beta, by the number of training steps."""


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A foreign model as one of ours, not yet written: its constructors, its weights and where they come from."""

    name: str
    config: Tree
    model: DiffusionModel
    origin: dict[str, Any]
    notes: tuple[str, ...] = ()

    def bundle(self) -> Bundle:
        """The model with its sampler and grid, ready for a `Vocoder`."""
        sampler, grid = build(self.config["sampler"]), build(self.config["grid"])
        return Bundle(
            name=self.name,
            model=self.model,
            sampler=sampler,
            grid=grid,
            config=self.config | {"origin": self.origin},
            card=self.card(),
            dtype=torch.float32,
        )

    def save(self, folder: Path) -> Path:
        """Write the bundle with its weights in float32, bit for bit as they were loaded."""
        tree = self.config | {"origin": self.origin}
        return save_bundle(folder, self.name, tree, self.model, self.card(), dtype=torch.float32)

    def card(self) -> str:
        """The model card: what is known of the checkpoint, and what its author would have to add."""
        facts = "\n".join(f"- {key}: {value}" for key, value in self.origin.items())
        notes = "".join(f"\n{note}\n" for note in self.notes)
        return (
            f"---\nlicense: unknown\ntags: [audiodiff, vocoder]\n---\n# {self.name}\n\n"
            f"Converted by audiodiff {__version__}; the weights were trained by others.\n\n{facts}\n{notes}\n"
            "The checkpoint names neither its licence nor its training data: ask its author before you share it.\n"
        )


def blueprint(
    *,
    mel: Tree,
    network: Tree,
    schedule: Tree,
    grid: Tree,
    clamp: float | None,
    prior: Tree | None = None,
) -> Tree:
    """The tree of a model that predicts eps and is sampled as its own project does it.

    `clamp` bounds every state of the sampler; without a `prior` the noise is white.
    """
    tree = {
        "model": {
            "_target_": "audiodiff.models.diffusion_model.DiffusionModel",
            "mel": mel,
            "denoiser": {
                "_target_": "audiodiff.diffusion.Denoiser",
                "network": {"_target_": "audiodiff.networks.DiffWave"} | network,
                "schedule": schedule,
                "prediction": {"_target_": "audiodiff.diffusion.EpsPrediction"},
            },
            "prior": prior or {"_target_": "audiodiff.priors.Isotropic"},
        },
        "sampler": {"_target_": "audiodiff.diffusion.ancestral", "_partial_": True, "clamp": clamp},
        "grid": grid,
    }
    return canonical(tree)


def build_model(
    config: Tree, tensors: Mapping[str, Tensor], path: Path, foreign_name: Callable[[str], str] = str
) -> DiffusionModel:
    """Build the model of a blueprint and load its network, `foreign_name` of each parameter from `tensors`.

    Raises `CheckpointError` where the hyper-parameters make no sense or do not fit the tensors; nothing of
    the size that they ask for is allocated before that is known.
    """
    try:
        with torch.device("meta"):
            outline = build(config["model"]["denoiser"]["network"])
        check_fit(outline, tensors, path, foreign_name)
        model = build(config["model"])
    except (ConfigError, RuntimeError, TypeError, ZeroDivisionError) as error:
        raise CheckpointError(f"{path} states hyper-parameters that describe no model: {error}") from error
    network = model.denoiser.network
    network.load_state_dict({name: tensors[foreign_name(name)] for name in network.state_dict()})
    return model.eval()


def linear_betas(first: float, last: float, n_steps: int) -> Tree:
    """A linear schedule of `n_steps` betas."""
    return {"_target_": "audiodiff.diffusion.LinearBetas", "first": first, "last": last, "n_steps": n_steps}


def discrete_betas(betas: Sequence[float]) -> Tree:
    """A schedule of these betas."""
    return {"_target_": "audiodiff.diffusion.DiscreteBetas", "betas": list(betas)}


def grid_of(betas: Sequence[float]) -> Tree:
    """The grid on which the training table has the noise levels of a shorter list of betas."""
    return {"_target_": "audiodiff.diffusion.from_betas", "_partial_": True, "betas": list(betas)}


def fast_grid(n_steps: int) -> Tree:
    """DiffWave's six steps where the paper gives them for this number of training steps, else all of these."""
    if n_steps in FAST_LAST:
        return grid_of([*FAST, FAST_LAST[n_steps]])
    return {"_target_": "audiodiff.diffusion.uniform", "_partial_": True, "n_steps": n_steps}


def mel_tree(**fields: Any) -> Tree:  # noqa: ANN401 (the fields of MelSpec)
    """The constructor of a mel convention."""
    return {"_target_": "audiodiff.mel.MelSpec"} | fields


def origin_of(checkpoint: Checkpoint, project: str, step: object = None) -> dict[str, Any]:
    """The origin of the weights, for the bundle's config and card; a step that is no whole number is left out."""
    origin = {"project": project, "checkpoint": checkpoint.path.name, "sha256": checkpoint.sha256}
    return origin | ({"training steps": step} if isinstance(step, int) else {})
