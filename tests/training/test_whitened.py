"""The whitened objective: what it weighs, and that it takes every prior."""

import math

import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import Denoiser, EpsPrediction, LinearBetas, StraightPath, X0Prediction
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.priors import Isotropic, MelEnergy, SpectralEnvelope
from audiodiff.training.objective import Simple
from audiodiff.training.whitened import Whitened
from tests.trees import source_filter_model

SPEC = convention("hifigan_22k")
FRAMES = 12
PRIORS = {
    "isotropic": Isotropic,
    "energy": lambda: MelEnergy(mel=SPEC, lowest=0.068, highest=5.47),
    "envelope": lambda: SpectralEnvelope(mel=SPEC),
}


def model(prior, prediction=None, schedule=None) -> DiffusionModel:
    torch.manual_seed(0)
    network = DiffWave(n_mels=80, hop_length=256, channels=4, layers=2)
    torch.nn.init.normal_(network.output.weight, std=0.1)
    schedule = schedule or LinearBetas(first=1e-4, last=0.05, n_steps=50)
    denoiser = Denoiser(network=network, schedule=schedule, prediction=prediction or EpsPrediction())
    return DiffusionModel(mel=SPEC, denoiser=denoiser, prior=prior)


@pytest.fixture
def batch(clip):
    wave = torch.stack([clip[4096:][: 256 * FRAMES], clip[20480:][: 256 * FRAMES]])
    return {"wave": wave, "mel": MelSpectrogram(SPEC)(wave)}


def test_without_whitening_it_is_the_simple_objective(batch):
    losses = []
    for objective in (Simple, lambda model: Whitened(model=model, whitening=0.0)):
        taught = objective(model=model(Isotropic()))
        torch.manual_seed(1)
        losses.append(taught(**batch)["loss"])
    assert_close(losses[0], losses[1], rtol=0, atol=0)


def test_full_whitening_makes_envelope_noise_white(batch):
    """Loud and soft bands, and loud and soft moments, then weigh the same."""
    prior = SpectralEnvelope(mel=SPEC)
    objective = Whitened(model=model(prior), whitening=1.0, quietest=1e-6)
    generator = torch.Generator().manual_seed(0)
    draws = [
        objective.whiten(
            prior.shape(torch.randn(2, 256 * FRAMES, generator=generator), prior.condition(batch["mel"])), batch["mel"]
        )
        for _ in range(60)
    ]
    level = torch.stack([prior.stft(draw).abs().square() for draw in draws]).mean(0).sqrt()[..., 3:-3]
    assert (level / prior.stft.noise_magnitude).median().item() == pytest.approx(1, abs=0.15)
    assert torch.stack(draws)[..., 1024:-1024].std().item() == pytest.approx(1, abs=0.15)


def test_whitening_counts_soft_errors_for_more(batch):
    """The power of an error is divided by the envelope, so by its level; below `quietest` by that."""
    objective = Whitened(model=model(Isotropic()), whitening=0.5, quietest=1e-6)
    error = 1e-3 * torch.randn(2, 256 * FRAMES)
    loud, louder = (objective.whiten(error, batch["mel"] + up).square().mean() for up in (3, 5))
    assert (loud / louder).item() == pytest.approx(math.exp(2), rel=1e-3)

    capped = Whitened(model=model(Isotropic()), whitening=0.5, quietest=0.01)
    silent = capped.whiten(error, batch["mel"] - 30).square().mean()
    assert silent.item() == pytest.approx(error.square().mean().item() / 0.01, rel=1e-3)


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("spectral", [0.0, 0.1])
def test_it_teaches_the_network_under_every_prior(name, spectral, batch):
    taught = model(PRIORS[name](), X0Prediction(), StraightPath())
    losses = Whitened(model=taught, spectral=spectral)(**batch)
    assert ("spectral" in losses) == (spectral > 0)
    losses["loss"].backward()
    assert all(p.grad.isfinite().all() for p in taught.denoiser.parameters())
    assert taught.denoiser.network.blocks[0].dilated.weight.grad.abs().sum() > 0


def test_the_spectral_part_hears_the_estimate_of_x_0(batch):
    """A network that knows the recording loses nothing by either part."""

    class Knows(torch.nn.Module):
        def forward(self, x_t, t, cond):
            return batch["wave"]

    denoiser = Denoiser(network=Knows(), schedule=StraightPath(), prediction=X0Prediction())
    knowing = DiffusionModel(mel=SPEC, denoiser=denoiser, prior=SpectralEnvelope(mel=SPEC))
    losses = Whitened(model=knowing, spectral=1.0)(**batch)
    assert losses["loss"].item() == pytest.approx(0, abs=1e-6)


def test_noise_that_was_learnt_stays_as_it_is(batch):
    """A prior that could learn would learn its noise away, which lowers the loss of every prediction of noise."""
    taught = model(source_filter_model().prior)
    Whitened(model=taught)(**batch, mean=torch.zeros_like(batch["wave"]))["loss"].backward()
    assert all(p.grad is None for p in taught.prior.parameters())
    assert any(p.grad is not None for p in taught.denoiser.parameters())
