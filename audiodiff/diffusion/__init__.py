"""Diffusion as mathematics: x_t = alpha(t) x_0 + sigma(t) eps, independent of audio and of any network."""

from audiodiff.diffusion.betas import DiscreteBetas, LinearBetas
from audiodiff.diffusion.denoiser import Denoise, Denoiser
from audiodiff.diffusion.grids import Times, explicit, from_betas, uniform
from audiodiff.diffusion.predictions import EpsPrediction, Prediction, VelocityPrediction, X0Prediction
from audiodiff.diffusion.process import Transition, diffuse
from audiodiff.diffusion.samplers import SAMPLERS, Sampler, ancestral, ddim
from audiodiff.diffusion.schedules import Schedule, StraightPath, coefficients, log_snr, time_of_log_snr

__all__ = [
    "SAMPLERS",
    "Denoise",
    "Denoiser",
    "DiscreteBetas",
    "EpsPrediction",
    "LinearBetas",
    "Prediction",
    "Sampler",
    "Schedule",
    "StraightPath",
    "Times",
    "Transition",
    "VelocityPrediction",
    "X0Prediction",
    "ancestral",
    "coefficients",
    "ddim",
    "diffuse",
    "explicit",
    "from_betas",
    "log_snr",
    "time_of_log_snr",
    "uniform",
]
