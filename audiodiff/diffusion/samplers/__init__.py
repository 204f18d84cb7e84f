"""Samplers: generators of x_t along a grid, all with one signature."""

from collections.abc import Mapping
from functools import partial

from audiodiff.diffusion.samplers.first_order import ancestral, ddim
from audiodiff.diffusion.samplers.multistep import dpmpp_2m, dpmpp_3m
from audiodiff.diffusion.samplers.predictor_corrector import unipc
from audiodiff.diffusion.samplers.second_order import edm_stochastic, heun, restart
from audiodiff.diffusion.samplers.signature import Sampler
from audiodiff.diffusion.samplers.singlestep import dpmpp_2s
from audiodiff.diffusion.samplers.temperature import tempered

SAMPLERS: Mapping[str, Sampler] = {
    "ancestral": ancestral,
    "ddim": ddim,
    "euler": ddim,
    "heun": heun,
    "edm_stochastic": edm_stochastic,
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_sde": partial(dpmpp_2m, eta=1.0),
    "dpmpp_2s": dpmpp_2s,
    "dpmpp_sde": partial(dpmpp_2s, eta=1.0),
    "dpmpp_3m": dpmpp_3m,
    "dpmpp_3m_sde": partial(dpmpp_3m, eta=1.0),
    "unipc": unipc,
}
"""Samplers by the name that people type; Euler's method is the same update as DDIM."""

__all__ = [
    "SAMPLERS",
    "Sampler",
    "ancestral",
    "ddim",
    "dpmpp_2m",
    "dpmpp_2s",
    "dpmpp_3m",
    "edm_stochastic",
    "heun",
    "restart",
    "tempered",
    "unipc",
]
