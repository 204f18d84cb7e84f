"""Our samplers against trajectories recorded from huggingface diffusers, in float64, on data N(0, 0.5²).

Left out are the two DDIM recordings that clip x_0 but go on with the eps of the unclipped one: such a pair no longer
adds up to x_t, and no sampler here makes one.
"""

import re
from functools import partial

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import (
    EDM,
    CosineBetas,
    LinearBetas,
    StraightPath,
    ancestral,
    bounded,
    ddim,
    dpmpp_2m,
    dpmpp_3m,
    heun,
    karras,
    time_of_log_snr,
    unipc,
)
from tests.laws.exact import gaussian_denoiser

TABLES = {"linear": LinearBetas(first=1e-4, last=0.02, n_steps=1000), "cosine": CosineBetas(n_steps=1000)}
BY_STEP = {
    "ddpm_fixed_small": ancestral,
    "ddpm_fixed_large": partial(ancestral, variance="large"),
    "ddpm_trailing": ancestral,
    "ddpm_clip_range0.5": ancestral,
    "ddim_eta0": ddim,
    "ddim_eta1": partial(ddim, eta=1.0),
    "ddim_eta0_trailing": ddim,
}
MULTISTEP = {
    "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_heun_final_min": partial(dpmpp_2m, guess="polynomial"),
    "dpmpp_3m": dpmpp_3m,
    "sde_dpmpp_2m": partial(dpmpp_2m, eta=1.0),
    "unipc_bh2_o2": unipc,
    "unipc_bh1_o3": partial(unipc, order=3, variant="bh1"),
}
BY_NOISE = {f"{name}_{table}": sampler for name, sampler in MULTISTEP.items() for table in TABLES}
BY_NOISE["dpmpp_2m_karras_linear"] = dpmpp_2m
UNSCALED = {
    "euler_linear": ddim,
    "euler_cosine": ddim,
    "heun_linear": heun,
    "heun_cosine": heun,
    "edm_euler": ddim,
    "edm_euler_sd1": ddim,
    "edm_dpmpp_2m_sd1": dpmpp_2m,
    "edm_sde_dpmpp_2m_sd1": partial(dpmpp_2m, eta=1.0),
}
STRAIGHT = {
    "flow_euler_shift1": ddim,
    "flow_euler_shift3": ddim,
    "flow_euler_uniform_sigmas": ddim,
    "flow_heun": heun,
}


class Recording:
    """One file: the states, the noise levels and the noise of a run."""

    def __init__(self, shared, name):
        with np.load(shared / "parity" / "samplers" / f"{name}.npz", allow_pickle=False) as arrays:
            self.arrays = {key: torch.from_numpy(arrays[key]) for key in arrays}
        states = self.arrays["x"].unsqueeze(1)
        if len(states) == 20:  # Heun: every other state is a predictor's
            states = torch.cat([states[0:1], states[2::2], states[-1:]])
        self.start, self.states = states[0], states[1:]

    @property
    def levels(self):
        return self.arrays["sigmas"].double().unique_consecutive()

    def play(self, sampler, denoise, schedule, times):
        draws = iter(self.arrays["draws"])
        states = sampler(denoise, schedule, self.start, times, lambda x: next(draws).unsqueeze(0))
        return torch.stack(list(states))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", BY_STEP)
def test_samplers_of_training_steps(shared, name, table):
    recording, schedule = Recording(shared, f"{name}_{table}"), TABLES[table]
    denoise = gaussian_denoiser(schedule)
    if bound := re.search(r"clip_range(.*)", name):
        denoise = bounded(denoise, limit=float(bound[1]))
    times = torch.cat([(recording.arrays["t"].double() + 1) / 1000, torch.zeros(1)])
    states = recording.play(BY_STEP[name], denoise, schedule, times)
    assert_close(states, recording.states, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", BY_NOISE)
def test_samplers_of_noise_levels(shared, name):
    recording, schedule = Recording(shared, name), TABLES[name.rpartition("_")[2]]
    denoise, levels, expected = gaussian_denoiser(schedule), recording.levels, recording.states
    if levels[-1] > 0:  # it stops short of clean, and to do so lowers the order of its last two steps
        levels, expected = torch.cat([levels, torch.zeros(1)]), expected[:8]
    states = recording.play(BY_NOISE[name], denoise, schedule, time_of_log_snr(schedule, -2 * levels.log()))
    # The first recorded level, rounded to float32, lies just outside the linear table.
    assert_close(states[: len(expected)], expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", UNSCALED)
def test_samplers_of_unscaled_data(shared, name):
    recording = Recording(shared, name)
    schedule = EDM(sigma_max=recording.levels[0].item())
    times = recording.levels / recording.levels[0]
    states = recording.play(UNSCALED[name], gaussian_denoiser(schedule), schedule, times)
    assert_close(states, recording.states, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", STRAIGHT)
def test_samplers_of_the_straight_path(shared, name):
    recording, schedule = Recording(shared, name), StraightPath()
    states = recording.play(STRAIGHT[name], gaussian_denoiser(schedule), schedule, recording.levels)
    assert_close(states, recording.states, rtol=0, atol=1e-9)


def test_karras_grid(shared):
    levels = Recording(shared, "edm_euler").levels
    assert_close(80 * karras(EDM(sigma_max=80.0), 10), levels, rtol=1e-6, atol=0)
