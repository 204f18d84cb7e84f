"""What the objectives mean, on networks whose answer is known."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from audiodiff.audio import resample
from audiodiff.diffusion import (
    Denoiser,
    EpsPrediction,
    ImportanceTimes,
    LearnedVariance,
    LinearBetas,
    StraightPath,
    X0Prediction,
    l1,
    min_snr_weight,
)
from audiodiff.errors import ConfigError
from audiodiff.mel import convention
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.priors import Isotropic, MelEnergy
from audiodiff.training.fitting import check_features
from audiodiff.training.magnitude_match import MagnitudeMatch
from audiodiff.training.objective import Hybrid, Simple

BETAS = LinearBetas(first=1e-4, last=0.05, n_steps=50)
WAVE, MEL = torch.randn(4, 2048), torch.randn(4, 80, 8)


class Says(nn.Module):
    """A network that always answers the same."""

    def __init__(self, answer: torch.Tensor | float) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x_t, t, cond):
        return torch.zeros_like(x_t) + self.answer


def model(network, schedule=BETAS, prediction=None) -> DiffusionModel:
    denoiser = Denoiser(network=network, schedule=schedule, prediction=prediction or EpsPrediction())
    return DiffusionModel(mel=convention("hifigan_22k"), denoiser=denoiser, prior=Isotropic())


def test_a_network_that_says_nothing_loses_the_variance_of_eps():
    losses = [Simple(model=model(Says(0.0)))(WAVE, MEL)["loss"] for _ in range(20)]
    assert torch.stack(losses).mean().item() == pytest.approx(1, abs=0.02)
    absolute = Simple(model=model(Says(0.0)), distance=l1)(WAVE, MEL)["loss"].item()
    assert absolute == pytest.approx((2 / torch.pi) ** 0.5, abs=0.05)


def test_prior_weighted_counts_quiet_frames_as_loud_ones():
    """A network that says nothing loses the variance of eps, which Sigma^-1 makes one in every frame (PriorGrad)."""
    quiet = model(Says(0.0))
    quiet.prior = MelEnergy(mel=quiet.mel, lowest=0.0, highest=100.0, smallest=0.01)
    mel = MEL - 4  # far from loud: the plain loss is the small variance of the noise
    plain = Simple(model=quiet)(WAVE, mel)["loss"].item()
    losses = [Simple(model=quiet, prior_weighted=True)(WAVE, mel)["loss"] for _ in range(20)]
    assert plain < 0.2
    assert torch.stack(losses).mean().item() == pytest.approx(1, abs=0.02)


def test_prior_weighted_needs_a_prior_with_a_variance():
    with pytest.raises(ConfigError, match="Isotropic"):
        Simple(model=model(Says(0.0)), prior_weighted=True)


def test_a_network_that_knows_x_0_loses_nothing():
    knowing = model(Says(WAVE), schedule=StraightPath(), prediction=X0Prediction())
    assert_close(Simple(model=knowing)(WAVE, MEL)["loss"], torch.tensor(0.0))


def test_importance_leaves_the_expected_loss_alone():
    """Drawing hard times more often must not change what the loss is on average."""
    torch.manual_seed(0)
    plain = Simple(model=model(Says(0.0)), weight=min_snr_weight)
    drawn = Simple(model=model(Says(0.0)), weight=min_snr_weight, times=ImportanceTimes(n_bins=10, history=4))
    for _ in range(60):
        drawn(WAVE, MEL)
    means = [torch.stack([objective(WAVE, MEL)["loss"] for _ in range(300)]).mean() for objective in (plain, drawn)]
    assert (drawn.times.counts >= 4).all()
    assert means[1].item() == pytest.approx(means[0].item(), rel=0.1)


def test_hybrid_teaches_the_variance():
    torch.manual_seed(0)
    network = DiffWave(n_mels=80, hop_length=256, channels=4, layers=2, outputs=2)
    objective = Hybrid(model=model(network, prediction=LearnedVariance(mean=EpsPrediction())))
    objective(WAVE, MEL)["loss"].backward()
    gradient = network.output.weight.grad
    assert gradient.shape[0] == 2
    assert (gradient.abs().sum(dim=(1, 2)) > 0).all()


def test_objectives_name_what_they_need():
    plain = model(DiffWave(n_mels=80, hop_length=256, channels=4, layers=2))
    with pytest.raises(ConfigError, match=r"network\.outputs=2"):
        Hybrid(model=plain)
    with pytest.raises(ConfigError, match="MelLatent"):
        MagnitudeMatch(model=plain)


def test_magnitudes_learn_nothing_where_the_recording_holds_nothing(tiny_model, clip):
    """A recording from 8 kHz, resampled to 22.05 kHz, says nothing of the bins above 4 kHz."""
    wave = resample(resample(clip, 22050, 8000), 8000, 22050)[None, : 256 * 40]
    MagnitudeMatch(model=tiny_model)(wave, torch.randn(1, 80, 40) - 5)["loss"].backward()
    moved = tiny_model.prior.magnitudes.stack.output.bias.grad.abs()
    assert (moved[:180] > 0).all()
    assert moved[200:].max() == 0


def test_magnitudes_are_all_that_their_objective_trains(tiny_model, clip):
    wave = clip[: 256 * 20].unsqueeze(0)
    mel = torch.randn(1, 80, 20) - 5
    MagnitudeMatch(model=tiny_model)(wave, mel)["loss"].backward()
    with_gradient = {name for name, p in tiny_model.named_parameters() if p.grad is not None}
    assert with_gradient
    assert all(name.startswith("prior.magnitudes") for name in with_gradient)


def test_unknown_features_are_refused_in_words():
    with pytest.raises(ConfigError, match="features of kind Says: expected one of ClipFeatures, "):
        check_features(Simple(model=model(Says(0.0))), Says(0.0))
