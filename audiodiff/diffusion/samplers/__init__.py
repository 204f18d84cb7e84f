"""Samplers: generators of x_t along a grid, all with one signature."""

from audiodiff.diffusion.samplers.ddim import ancestral, ddim
from audiodiff.diffusion.samplers.walk import Sampler

__all__ = ["Sampler", "ancestral", "ddim"]
