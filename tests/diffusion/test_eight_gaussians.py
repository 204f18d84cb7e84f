"""The core at work without any audio: a small network learns eight points on a circle, in seconds."""

import math
from functools import partial

import pytest
import torch
from torch import nn

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import EDM, Denoiser, EDMPrediction, diffuse, dpmpp_2m, karras, l2, log_normal_times
from tests.laws.exact import normal

ANGLES = torch.arange(8) * math.pi / 4
CENTRES = torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1)
STD = 0.1


class Plane(nn.Module):
    """(x_t, t) -> 2 numbers, by way of a few waves."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(18, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2)
        )

    def forward(self, x_t, label, cond):
        phase = torch.cat([2 * x_t, 4 * x_t, label[:, None] * torch.tensor([1.0, 2.0, 4.0, 8.0])], dim=1)
        return self.layers(torch.cat([x_t, phase.sin(), phase.cos()], dim=1))


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    generator, draw = torch.Generator().manual_seed(0), normal()
    draw_times = partial(log_normal_times, mean=-1.0, std=1.0)
    denoiser = Denoiser(network=Plane(), schedule=EDM(sigma_max=20.0), prediction=EDMPrediction(sigma_data=0.7))
    optimizer = torch.optim.Adam(denoiser.parameters(), lr=0.01)
    learning_rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=600)
    for _ in range(600):
        x_0 = CENTRES[torch.randint(8, (256,), generator=generator)]
        x_0 = x_0 + STD * draw(x_0)
        eps, t = draw(x_0), draw_times(denoiser.schedule, 256, generator)
        output = denoiser.output(diffuse(x_0, eps, t, denoiser.schedule), t, Conditioning())
        loss = l2(output, denoiser.prediction.target(x_0, eps, t, denoiser.schedule)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        learning_rate.step()
    return denoiser


def test_eight_gaussians_are_found(trained):
    times, x = karras(trained.schedule, 20), 20 * normal(1)(torch.empty(4000, 2))
    with torch.inference_mode():
        *_, x_0 = dpmpp_2m(trained.bind(Conditioning()), trained.schedule, x, times, normal(2))
    distance, nearest = torch.cdist(x_0, CENTRES).min(dim=1)
    shares = torch.bincount(nearest, minlength=8) / len(x_0)
    assert (shares - 1 / 8).abs().max() < 0.03
    assert (distance < 3 * STD).float().mean() > 0.88  # 0.99 for the data, 0.76 for a mere circle
    assert distance.median().item() == pytest.approx(STD * math.sqrt(2 * math.log(2)), rel=0.2)
