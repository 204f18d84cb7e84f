"""Whole models: a denoiser with its prior, following a mel or a label, and the classifier that judges generators."""

from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.models.generative_model import GenerativeModel

__all__ = ["DiffusionModel", "GenerativeModel"]
