"""Weights of the squared error of a network's output, as functions (schedule, prediction, t) -> weight.

Papers state their weights for an error of x_0 or of eps; an error of the output is c_out times smaller than one of
x_0, so a weight w on x_0 is w c_out² on the output, and all of them suit every prediction.
"""

import torch

from audiodiff.diffusion.betas import at_least_one
from audiodiff.diffusion.predictions import Prediction
from audiodiff.diffusion.process import Transition
from audiodiff.diffusion.schedules import Schedule, log_snr
from audiodiff.errors import ConfigError
from audiodiff.types import Time


def simple_weight(schedule: Schedule, prediction: Prediction, t: Time) -> Time:
    """Return 1: the simple objective (Ho et al. 2020, eq. 14)."""
    return torch.ones_like(t)


def noise_weight(schedule: Schedule, prediction: Prediction, t: Time) -> Time:
    """Return 1 on eps, the simple objective of every prediction: on a score sigma² (Song et al. 2021, eq. 7)."""
    return log_snr(schedule, t).exp() * _c_out(schedule, prediction, t) ** 2


def min_snr_weight(schedule: Schedule, prediction: Prediction, t: Time, *, gamma: float = 5.0) -> Time:
    """Return min(SNR, gamma) on x_0 (Min-SNR, Hang et al. 2023)."""
    return log_snr(schedule, t).exp().clamp(max=gamma) * _c_out(schedule, prediction, t) ** 2


def p2_weight(schedule: Schedule, prediction: Prediction, t: Time, *, k: float = 1.0, gamma: float = 1.0) -> Time:
    """Return 1 / (k + SNR)^gamma on eps, which is SNR times that on x_0 (P2, Choi et al. 2022)."""
    snr = log_snr(schedule, t).exp()
    return snr / (k + snr) ** gamma * _c_out(schedule, prediction, t) ** 2


def edm_weight(schedule: Schedule, prediction: Prediction, t: Time, *, sigma_data: float) -> Time:
    """Return (s² + d²) / (s d)² on x_0 with s = sigma / alpha, d = sigma_data (Karras et al. 2022, table 1).

    On the output of an `EDMPrediction` that is 1: every noise level counts the same.
    """
    snr = log_snr(schedule, t).exp()
    return (snr + 1 / sigma_data**2) * _c_out(schedule, prediction, t) ** 2


def bound_weight(schedule: Schedule, prediction: Prediction, t: Time, *, n_steps: int) -> Time:
    """Return the weight that makes the loss the exact variational bound of `n_steps` steps, in nats.

    ½ n (SNR(t - 1/n) - SNR(t)) on x_0 (Kingma et al. 2021, section 4), and in the last step ½ n / sigma² of the
    decoder. t must be one of the steps k / n; what does not depend on the network is left out.
    """
    s = t - 1 / at_least_one(n_steps)
    if (s < -1e-6).any():
        raise ConfigError(f"t = {t.min().item():.4g} is not one of the steps k / {n_steps} of the bound.")
    s = torch.where(s < 1e-6, 0.0, s)
    step = Transition.between(schedule, s, t)
    drop = (step.alpha_s / step.sigma_s) ** 2 - (step.alpha_t / step.sigma_t) ** 2
    weight = torch.where(step.sigma_s > 0, drop, 1 / step.variance)
    return (n_steps / 2 * weight).to(t.dtype) * _c_out(schedule, prediction, t) ** 2


def _c_out(schedule: Schedule, prediction: Prediction, t: Time) -> Time:
    return prediction.c_out(schedule.alpha(t), schedule.sigma(t))
