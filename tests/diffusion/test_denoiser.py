"""The denoiser: what the network is shown, and what becomes of its answer."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import (
    Denoiser,
    EDMPrediction,
    EpsPrediction,
    StraightPath,
    VelocityPrediction,
    ancestral,
    uniform,
)
from audiodiff.errors import ConfigError
from tests.laws.exact import normal
from tests.laws.members import SCHEDULES


class Listener(nn.Module):
    """Remembers what it was told and answers with zeros."""

    def forward(self, x_t, label, cond):
        self.told = (x_t, label, cond)
        return torch.zeros_like(x_t)


class Scales(nn.Module):
    """Says 0.75 times what it sees, in its own precision."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.75))

    def forward(self, x_t, label, cond):
        self.told = x_t.dtype
        return self.factor * x_t


def velocity_denoiser():
    return Denoiser(network=Listener(), schedule=StraightPath(), prediction=VelocityPrediction())


@pytest.mark.parametrize("t", [torch.tensor(0.25, dtype=torch.float64), torch.full((3,), 0.25)])
def test_network_is_told_one_time_per_item(t):
    denoiser, cond = velocity_denoiser(), Conditioning(mel=torch.ones(3, 2, 2))
    x_t = torch.ones(3, 4)
    x_0 = denoiser(x_t, t, cond)
    shown, label, told = denoiser.network.told
    assert_close(shown, x_t)
    assert_close(label, torch.full((3,), 0.25))
    assert told is cond
    assert x_0.dtype == torch.float32
    assert_close(x_0, x_t)


def test_label_keeps_its_precision_in_half_precision():
    denoiser = velocity_denoiser()
    denoiser(torch.ones(1, 4, dtype=torch.bfloat16), torch.tensor(0.3337), Conditioning())
    assert_close(denoiser.network.told[1], torch.tensor([0.3337]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_network_in_half_precision_does_not_round_the_state(dtype):
    """x_0 = (x_t - sigma eps) / alpha in float32: what is lost is the rounding of eps alone."""
    schedule = SCHEDULES["vp"]
    network = Scales()
    denoiser = Denoiser(network=network.to(dtype), schedule=schedule, prediction=EpsPrediction())
    x_t, t = normal()(torch.empty(2, 500)), torch.tensor(0.5)
    found = denoiser(x_t, t, Conditioning())
    exact = Denoiser(network=Scales(), schedule=schedule, prediction=EpsPrediction())(x_t, t, Conditioning())
    rounding = 2 * torch.finfo(dtype).eps * x_t.abs().max() * schedule.sigma(t) / schedule.alpha(t)
    assert network.told == dtype
    assert found.dtype == torch.float32
    assert (found - exact).abs().max() < rounding


def test_prediction_scales_and_labels_the_input():
    schedule = SCHEDULES["edm"]
    denoiser = Denoiser(network=Listener(), schedule=schedule, prediction=EDMPrediction(sigma_data=0.5))
    denoiser(torch.ones(1, 4), torch.tensor(0.1), Conditioning())
    shown, label, _ = denoiser.network.told
    assert_close(shown, torch.ones(1, 4) / (8**2 + 0.5**2) ** 0.5)
    assert_close(label, torch.tensor([8.0]).log() / 4)


def test_bound_denoiser_has_its_condition():
    denoiser, cond = velocity_denoiser(), Conditioning(mel=torch.ones(1, 2, 2))
    denoiser.bind(cond)(torch.ones(1, 4), torch.tensor(0.5))
    assert denoiser.network.told[2] is cond


def test_learned_variance_is_not_asked_of_a_model_without_it():
    denoise, x = velocity_denoiser().bind(Conditioning()), torch.ones(1, 4)
    walk = ancestral(denoise, StraightPath(), x, uniform(StraightPath(), 3), normal(), variance="learned")
    with pytest.raises(ConfigError, match="VelocityPrediction"):
        next(walk)


def test_conditioning_moves_what_it_has():
    moved = Conditioning(mel=torch.ones(1, 2, 2)).to(dtype=torch.float64)
    assert moved.mel.dtype == torch.float64
    assert moved.mean is None
