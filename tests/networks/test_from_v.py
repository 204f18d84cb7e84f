"""A network that says v, and whose output is the x_0 that follows."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import Denoiser, EpsPrediction, StraightPath, VPrediction, X0Prediction, diffuse
from audiodiff.errors import ConfigError
from audiodiff.networks import DiffWave, FromV
from audiodiff.training.fitting import check_model
from tests.laws.members import DIFFWAVE, SCHEDULES
from tests.trees import source_filter_model

X_0, EPS = torch.randn(2, 3, 512, dtype=torch.float64)
T = torch.tensor([0.2, 0.6, 1.0], dtype=torch.float64)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_true_v_gives_the_true_x_0(name):
    schedule = SCHEDULES[name]
    v = VPrediction().target(X_0, EPS, T, schedule)
    assert_close(FromV(schedule=schedule)(v, diffuse(X_0, EPS, T, schedule), T), X_0)


def network(from_v=None) -> DiffWave:
    silent = DiffWave(n_mels=80, hop_length=256, channels=4, layers=2, from_v=from_v)
    torch.nn.init.zeros_(silent.output.bias)
    return silent


def test_a_network_that_says_nothing_lets_noise_pass():
    """The weights of its output layer begin at zero, and on 50 betas half of the noise is there after one step."""
    x, mel = torch.randn(1, 512), torch.randn(1, 80, 2)
    t = torch.ones(1)
    assert_close(network(FromV(schedule=DIFFWAVE))(x, t, Conditioning(mel=mel)), DIFFWAVE.alpha(t) * x)
    assert network(FromV(schedule=StraightPath()))(x, t, Conditioning(mel=mel)).abs().max() == 0


def test_it_goes_with_x_0_and_the_same_schedule():
    model = source_filter_model()
    for prediction, schedule, words in (
        (X0Prediction(), DIFFWAVE, None),
        (EpsPrediction(), DIFFWAVE, "prediction=x0"),
        (X0Prediction(), StraightPath(), "another schedule"),
    ):
        model.denoiser = Denoiser(network=network(FromV(schedule=DIFFWAVE)), schedule=schedule, prediction=prediction)
        if words is None:
            check_model(model)
        else:
            with pytest.raises(ConfigError, match=words):
                check_model(model)
