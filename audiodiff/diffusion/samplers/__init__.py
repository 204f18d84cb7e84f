"""Samplers: generators of x_t along a grid, all with one signature."""

from audiodiff.diffusion.samplers.ddim import ancestral, ddim
from audiodiff.diffusion.samplers.exponential import midpoint, polynomial
from audiodiff.diffusion.samplers.heun import edm_stochastic, heun, restart
from audiodiff.diffusion.samplers.multistep import dpmpp_2m, dpmpp_3m
from audiodiff.diffusion.samplers.unipc import unipc
from audiodiff.diffusion.samplers.walk import Sampler

__all__ = [
    "Sampler",
    "ancestral",
    "ddim",
    "dpmpp_2m",
    "dpmpp_3m",
    "edm_stochastic",
    "heun",
    "midpoint",
    "polynomial",
    "restart",
    "unipc",
]
