"""Critics and the model learn from one backward pass without pulling on one another."""

import pytest
import torch

from audiodiff.training.adversarial import Adversarial
from audiodiff.training.discriminators import Critics, critic_loss, feature_matching, generator_loss
from tests.training.small_voice import FRAMES, small_model


@pytest.fixture
def objective() -> Adversarial:
    critics = Critics(periods=(2, 3), n_ffts=(128,), channels=4)
    return Adversarial(model=small_model(), critics=critics, steps=(2,))


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    wave, mean = (0.1 * torch.randn(2, 256 * FRAMES, generator=generator) for _ in range(2))
    return {"wave": wave, "mean": mean, "mel": torch.randn(2, 80, FRAMES, generator=generator) - 4}


def gradients(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


def test_critics_learn_from_their_own_loss_alone(objective, batch):
    """The gradient on the critics is that of their loss on what was said, whatever the model is weighted with."""
    found = []
    for weight in (0.0, 7.0):
        objective.adversarial = weight
        objective.zero_grad()
        torch.manual_seed(3)
        objective(**batch)["loss"].backward()
        found.append(gradients(objective.critics))
    torch.testing.assert_close(found[0], found[1])
    objective.zero_grad()
    torch.manual_seed(3)
    said = objective.heard(objective.said(**batch)[0]).detach()
    critic_loss(objective.critics(objective.heard(batch["wave"])), objective.critics(said)).backward()
    torch.testing.assert_close(found[0], gradients(objective.critics))


def test_the_model_does_not_learn_from_the_critics_loss(objective, batch):
    """With weight 0 the model's gradient is that of `Unrolled`."""
    objective.adversarial = 0.0
    torch.manual_seed(3)
    objective(**batch)["loss"].backward()
    with_critics = gradients(objective.model.denoiser)
    objective.zero_grad()
    torch.manual_seed(3)
    objective.compared(*objective.said(**batch), batch["wave"], batch["mel"])["loss"].backward()
    torch.testing.assert_close(with_critics, gradients(objective.model.denoiser))


def test_the_model_learns_what_critics_like(objective, batch):
    """A step against the adversarial gradient raises the critics' judgement of what is said."""
    objective.spectral = objective.mel = objective.energy = 0.0
    objective.matching, objective.adversarial = 0.0, 1.0
    parameters = list(objective.model.denoiser.parameters())

    def judgement() -> float:
        torch.manual_seed(3)
        with torch.no_grad():
            return generator_loss(objective.critics(objective.heard(objective.said(**batch)[0]))).item()

    before = judgement()
    for _ in range(5):
        objective.zero_grad()
        torch.manual_seed(3)
        objective(**batch)["loss"].backward()
        with torch.no_grad():
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter -= 0.05 * parameter.grad / parameter.grad.norm().clamp_min(1e-12)
    assert judgement() < before


def test_critics_tell_a_tone_from_noise():
    torch.manual_seed(0)
    critics = Critics(periods=(2, 3), n_ffts=(128,), channels=4)
    optimizer = torch.optim.Adam(critics.parameters(), lr=3e-3)
    tone = torch.sin(torch.arange(4096) * 0.2).expand(2, -1)
    for _ in range(60):
        optimizer.zero_grad()
        loss = critic_loss(critics(tone), critics(torch.randn(2, 4096)))
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3  # 1 at the beginning; .5 for one that cannot tell them apart


def test_features_of_equal_waveforms_match():
    critics = Critics(periods=(2,), n_ffts=(128,), channels=4)
    wave = torch.randn(1, 2048)
    assert feature_matching(critics(wave), critics(wave)).item() == 0
    assert feature_matching(critics(wave), critics(torch.randn(1, 2048))).item() > 0.1


def test_mels_of_several_windows_count_as_in_unrolled(batch):
    critics = Critics(periods=(2, 3), n_ffts=(128,), channels=4)
    objective = Adversarial(model=small_model(), critics=critics, steps=(2,), mels=2.0, adversarial=0.0)
    losses = []
    for weight in (2.0, 0.0):
        objective.mels = weight
        torch.manual_seed(3)
        losses.append(objective(**batch))
    assert losses[0]["mels"] > 0
    torch.testing.assert_close(losses[0]["loss"], losses[1]["loss"] + 2 * losses[0]["mels"])
