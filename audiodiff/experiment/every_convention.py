"""Any objective, for a model whose weights do not depend on the mel convention: batches say which one they are in."""

from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from audiodiff.mel.spec import MelSpec
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.models.siblings import share_parameters, with_mel
from audiodiff.training.conventions_drawn import all_conventions
from audiodiff.training.objective import Losses
from audiodiff.training.source_filter_objectives import source_filter_prior

Constructors = dict[str, Any] | DictConfig


class EveryConvention(nn.Module):
    """The objective of a batch's own convention, on a sibling of the model that shares all of its parameters.

    `tree` and `objective` are the constructors of the model and of the objective; wherever they name a mel the batch's
    convention is put. With `with_mean` the objective takes the mean that the prior makes of the recorded pulses in
    place of `f0` and `pulses`. Siblings are made when first needed and hold buffers alone; averages, checkpoints and
    bundles see the model.
    """

    def __init__(
        self, *, model: DiffusionModel, tree: Constructors, objective: Constructors, with_mean: bool = False
    ) -> None:
        super().__init__()
        self.model = model
        self.tree, self.constructors = _plain(tree), _plain(objective)
        self.with_mean = with_mean
        self.objective = self._objective(model, model.mel)
        self.specs = all_conventions()
        self._siblings: dict[MelSpec, list[nn.Module]] = {model.mel: [self.objective]}  # lists keep them unregistered

    def forward(self, convention: Tensor, **tensors: Tensor) -> Losses:
        """The losses of a batch in one of `all_conventions`; its tensors are those that `objective` takes."""
        spec = self.specs[int(convention)]
        if spec not in self._siblings:
            with torch.random.fork_rng(devices=()):  # weights that are drawn only to be replaced
                self._siblings[spec] = [self._sibling(spec, next(iter(tensors.values())))]
        objective: Any = self._siblings[spec][0]
        if self.with_mean:
            prior = source_filter_prior(objective.model)
            with torch.no_grad():
                mean = prior.filtered(tensors["pulses"], tensors["mel"], tensors["f0"][:, 0])
            tensors = {"wave": tensors["wave"], "mel": tensors["mel"], "mean": mean}
        return objective(**tensors)

    def _sibling(self, spec: MelSpec, like: Tensor) -> nn.Module:
        from hydra.utils import instantiate

        sibling = instantiate(with_mel(self.tree, spec)).to(like.device)
        objective = self._objective(sibling, spec).to(like.device)
        share_parameters(self.objective, objective)
        return objective.train(self.training)

    def _objective(self, model: DiffusionModel, spec: MelSpec) -> nn.Module:
        from hydra.utils import instantiate

        return instantiate(with_mel(self.constructors, spec))(model=model)


def _plain(tree: Constructors) -> dict[str, Any]:
    found = OmegaConf.to_container(tree, resolve=True) if isinstance(tree, DictConfig) else tree
    assert isinstance(found, dict)
    return {str(name): value for name, value in found.items()}
