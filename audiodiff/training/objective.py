"""Objectives: ordinary modules, called with the tensors of a batch, that return named losses."""

from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import (
    DiscreteBetas,
    LearnedVariance,
    Prediction,
    Schedule,
    hybrid,
    l2,
    simple_weight,
    uniform_times,
)
from audiodiff.errors import ConfigError
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.training.noising import DrawTimes, balanced, noised_batch
from audiodiff.types import Mel, Time, Wave

Losses = dict[str, Float[Tensor, ""]]
"""Named losses; "loss" is the one that is minimized."""

Distance = Callable[[Tensor, Tensor], Float[Tensor, " batch"]]
"""(output, target) -> one distance per item: `l1` or `l2`."""

Weight = Callable[[Schedule, Prediction, Time], Time]
"""(schedule, prediction, t) -> one weight per item: one of the functions in `audiodiff.diffusion.loss_weights`."""


@runtime_checkable
class WhiteningPrior(Protocol):
    """A prior whose covariance can be divided out."""

    def whiten(self, r: Tensor, cond: Conditioning) -> Tensor:
        """Sigma^(-1/2) r."""
        ...


class Simple(nn.Module):
    """The weighted distance between the network's output and its target (Ho et al. 2020, eq. 14).

    loss = mean of weight(t) · distance(output, target) over times drawn by `times`. The defaults are DDPM's and
    the DiffWave paper's; lmnt's DiffWave takes the `l1` distance. With `prior_weighted` both are measured in units of
    the prior's standard deviation, Sigma^(-1/2) (output - target), as in PriorGrad (Lee et al. 2022, eq. 6). The prior
    itself stays as it is: noise that learns is learnt away.
    """

    def __init__(
        self,
        *,
        model: DiffusionModel,
        distance: Distance = l2,
        weight: Weight = simple_weight,
        times: DrawTimes = uniform_times,
        prior_weighted: bool = False,
    ) -> None:
        super().__init__()
        if prior_weighted and not isinstance(model.prior, WhiteningPrior):
            raise ConfigError(
                f"prior_weighted needs a prior whose noise differs from sample to sample, got "
                f"{type(model.prior).__name__}: choose prior=mel_energy, or leave it out"
            )
        self.model = model
        if isinstance(model.prior, nn.Module):
            model.prior.requires_grad_(False)
        self.distance = distance
        self.weight = weight
        self.times = times
        self.prior_weighted = prior_weighted

    def forward(self, wave: Wave, mel: Mel) -> Losses:
        """`wave` is [batch, hop_length · frames], `mel` [batch, n_mels, frames]."""
        noisy = noised_batch(self.model, wave, mel, self.times)
        denoiser, prior = self.model.denoiser, self.model.prior
        output = denoiser.output(noisy.x_t, noisy.t, noisy.cond)
        target = denoiser.prediction.target(noisy.x_0, noisy.eps, noisy.t, denoiser.schedule)
        if self.prior_weighted and isinstance(prior, WhiteningPrior):
            output, target = prior.whiten(output, noisy.cond), prior.whiten(target, noisy.cond)
        losses = self.weight(denoiser.schedule, denoiser.prediction, noisy.t) * self.distance(output, target)
        return {"loss": balanced(losses, noisy.t, self.times)}


class Hybrid(nn.Module):
    """The simple objective plus the variational bound that teaches the variance (Nichol & Dhariwal 2021, eq. 16).

    Needs a beta schedule, a `LearnedVariance` prediction and a network with two outputs.
    """

    def __init__(self, *, model: DiffusionModel, bound_scale: float = 1e-3, times: DrawTimes = uniform_times) -> None:
        super().__init__()
        schedule, prediction = model.denoiser.schedule, model.denoiser.prediction
        if not (isinstance(schedule, DiscreteBetas) and isinstance(prediction, LearnedVariance)):
            raise ConfigError(
                "the hybrid objective needs a beta schedule and a learned variance, got "
                f"{type(schedule).__name__} and {type(prediction).__name__}: choose schedule=diffwave_50, "
                "prediction=eps_learned_variance and network.outputs=2"
            )
        self.model = model
        self.times = times
        self.distance = partial(hybrid, prediction=prediction, schedule=schedule, bound_scale=bound_scale)

    def forward(self, wave: Wave, mel: Mel) -> Losses:
        """`wave` is [batch, hop_length · frames], `mel` [batch, n_mels, frames]."""
        noisy = noised_batch(self.model, wave, mel, self.times)
        output = self.model.denoiser.output(noisy.x_t, noisy.t, noisy.cond)
        return {"loss": balanced(self.distance(output, noisy.x_0, noisy.eps, noisy.t), noisy.t, self.times)}
