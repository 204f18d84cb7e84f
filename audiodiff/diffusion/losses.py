"""Distances between what a network says and what it should say, one value per item of the batch."""

from jaxtyping import Float
from torch import Tensor

from audiodiff.diffusion.betas import DiscreteBetas
from audiodiff.diffusion.likelihood import bound_term
from audiodiff.diffusion.predictions import LearnedVariance
from audiodiff.diffusion.process import Transition, diffuse
from audiodiff.types import Time, Wave

PerItem = Float[Tensor, " batch"]


def l1(output: Tensor, target: Tensor) -> PerItem:
    """Return the mean absolute difference (WaveGrad, Chen et al. 2021; lmnt's DiffWave)."""
    return (output - target).abs().flatten(1).mean(dim=1)


def l2(output: Tensor, target: Tensor) -> PerItem:
    """Return the mean squared difference (Ho et al. 2020, eq. 14)."""
    return (output - target).square().flatten(1).mean(dim=1)


def hybrid(
    output: Tensor,
    x_0: Wave,
    eps: Wave,
    t: Time,
    *,
    prediction: LearnedVariance,
    schedule: DiscreteBetas,
    bound_scale: float = 1e-3,
) -> PerItem:
    """Return L_simple + bound_scale · L_vlb (Nichol & Dhariwal 2021, eq. 16), L_vlb in bits per sample.

    `output` [batch, 2, samples] is the network's at x_t = alpha x_0 + sigma eps, t one of the training steps. The
    bound teaches the variance alone: the mean inside it is held fixed.
    """
    x_t = diffuse(x_0, eps, t, schedule)
    s = ((t * schedule.n_steps).round() - 1) / schedule.n_steps
    step = Transition.between(schedule, s, t)
    mean = step.posterior_mean(x_t, prediction.x0(output.detach(), x_t, t, schedule))
    variance = prediction.variance(prediction.share(output), step)
    bound = schedule.n_steps * bound_term(x_0, x_t, mean, variance, step)
    return l2(output[:, 0], prediction.target(x_0, eps, t, schedule)) + bound_scale * bound
