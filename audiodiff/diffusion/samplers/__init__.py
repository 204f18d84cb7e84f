"""Samplers: generators of x_t along a grid, all with one signature."""

from collections.abc import Mapping

from audiodiff.diffusion.samplers.ddim import ancestral, ddim
from audiodiff.diffusion.samplers.walk import Sampler

SAMPLERS: Mapping[str, Sampler] = {"ancestral": ancestral, "ddim": ddim, "euler": ddim}
"""Samplers by the name that people type; Euler's method is the same update as DDIM."""

__all__ = ["SAMPLERS", "Sampler", "ancestral", "ddim"]
