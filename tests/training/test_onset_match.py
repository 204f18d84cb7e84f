"""Gains in time learn from energies of a millisecond, and nothing else learns with them."""

import pytest
import torch

from audiodiff.errors import ConfigError
from audiodiff.mel import MelSpectrogram
from audiodiff.networks.onset_gains import OnsetGains
from audiodiff.training.onset_match import OnsetMatch
from audiodiff.training.unrolled import Unrolled
from tests.training.small_voice import FRAMES, HIFIGAN, small_model

BURST = 1700
"""The sample at which sound begins, within a frame."""


@pytest.fixture
def bursts() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    wave = 0.1 * torch.randn(2, 256 * FRAMES, generator=generator)
    wave[:, :BURST] *= 1e-3
    mel = MelSpectrogram(HIFIGAN)(wave)[..., :FRAMES]
    return {"wave": wave, "mel": mel, "mean": torch.zeros_like(wave)}


def test_bands_add_up_to_the_waveform():
    gains = OnsetGains(mel=HIFIGAN, channels=4)
    wave = torch.randn(2, 256 * 5)
    torch.testing.assert_close(gains.parted(wave).sum(dim=1), wave)
    torch.testing.assert_close(gains(wave, torch.full((2, 80, 5), -5.0)), wave)  # they begin as 1


@pytest.mark.parametrize(("hertz", "band"), [(300, 0), (1800, 1), (6000, 2)])
def test_a_tone_lies_in_one_band(hertz, band):
    tone = torch.sin(2 * torch.pi * hertz * torch.arange(4096) / HIFIGAN.sample_rate).unsqueeze(0)
    energy = OnsetGains(mel=HIFIGAN, channels=4).parted(tone)[..., 200:-200].square().mean(dim=-1)[0]
    assert energy[band] > 0.95 * tone.square().mean()
    assert energy.sum() - energy[band] < 0.01 * tone.square().mean()


def test_only_the_gains_learn(bursts):
    objective = OnsetMatch(model=small_model(onsets=8), steps=(1,))
    objective(**bursts)["loss"].backward()
    learning = {name for name, p in objective.model.named_parameters() if p.grad is not None}
    assert learning
    assert all(name.startswith("finish.onsets.") for name in learning)
    wanting = {name for name, p in objective.model.named_parameters() if p.requires_grad}
    assert wanting == learning


def test_they_learn_where_sound_begins(bursts):
    """The energy before a burst falls, of a result that is smeared by windows of 24 ms."""
    torch.manual_seed(0)
    objective = OnsetMatch(model=small_model(onsets=16), steps=(1,), mel=0.0)
    output = objective.model.denoiser.network.output
    output.bias.view(2, -1, 2)[:, -1, 0] = 1.0  # noise as loud as the prior's scale
    optimizer = torch.optim.Adam(objective.gains.parameters(), lr=0.02)
    before = energy_before(objective, bursts)
    for _ in range(25):
        optimizer.zero_grad()
        objective(**bursts)["loss"].backward()
        optimizer.step()
    assert energy_before(objective, bursts) < 0.3 * before


@torch.no_grad()
def energy_before(objective: OnsetMatch, batch: dict[str, torch.Tensor]) -> float:
    torch.manual_seed(5)
    said = objective.gains(objective.said(**batch), batch["mel"])
    return said[:, BURST - 150 : BURST - 30].square().mean().item()


def test_a_model_without_such_gains_is_refused():
    with pytest.raises(ConfigError, match=r"finish=keep_to_mel"):
        OnsetMatch(model=small_model(onsets=0))


def test_the_finish_stays_as_it_is_while_the_denoiser_learns(bursts):
    objective = Unrolled(model=small_model(onsets=8), steps=(1,))
    objective(**bursts)["loss"].backward()
    learning = {name for name, p in objective.model.named_parameters() if p.grad is not None}
    assert learning
    assert all(name.startswith("denoiser.network.") for name in learning)
