"""The unrolled objective hears energies of a millisecond, by which the finish's gains in time learn along."""

import math

import pytest
import torch
from torch.testing import assert_close

from audiodiff.audio.three_bands import ThreeBands
from audiodiff.errors import ConfigError
from audiodiff.mel import MelSpectrogram
from audiodiff.networks import KeepToMel
from audiodiff.networks.onset_gains import OnsetGains
from audiodiff.training.energy_distance import EnergyDistance
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
    wave = torch.randn(2, 256 * 5)
    torch.testing.assert_close(ThreeBands(HIFIGAN.sample_rate)(wave).sum(dim=1), wave)
    gains = OnsetGains(mel=HIFIGAN, channels=4)
    torch.testing.assert_close(gains(wave, torch.full((2, 80, 5), -5.0)), wave)  # they begin as 1


@pytest.mark.parametrize(("hertz", "band"), [(300, 0), (1800, 1), (6000, 2)])
def test_a_tone_lies_in_one_band(hertz, band):
    tone = torch.sin(2 * torch.pi * hertz * torch.arange(4096) / HIFIGAN.sample_rate).unsqueeze(0)
    energy = ThreeBands(HIFIGAN.sample_rate)(tone)[..., 200:-200].square().mean(dim=-1)[0]
    assert energy[band] > 0.95 * tone.square().mean()
    assert energy.sum() - energy[band] < 0.01 * tone.square().mean()


def test_the_distance_is_deaf_to_sign_and_hears_what_comes_too_early(bursts):
    distance, wave = EnergyDistance(HIFIGAN.sample_rate), bursts["wave"]
    assert distance(-wave, wave, wave) == 0
    early, late = wave.roll(-110, dims=1), wave.roll(110, dims=1)
    assert distance(early, wave, early) > 2 * distance(early, wave, wave)  # what the plain one has wrong counts more
    assert distance(early, wave, wave) > 0.5 * distance(late, wave, wave)


def test_too_loud_counts_more_than_too_quiet(bursts):
    wave = bursts["wave"][:, 2 * BURST :]
    for excess in (1.0, 1.5, 3.0):
        distance = EnergyDistance(HIFIGAN.sample_rate, urgency=0.0, excess=excess)
        loud, quiet = (distance(gain * wave, wave, wave) for gain in (1.1, 1 / 1.1))
        assert loud / quiet == pytest.approx(excess, rel=0.02)
        assert (loud + quiet) / 2 == pytest.approx(math.log(1.1), rel=0.02)


def test_what_is_urgent_has_an_excess_of_its_own(bursts):
    """Where the plain waveform is right there is none; where it is wrong, too loud counts more."""
    wave = bursts["wave"][:, 2 * BURST :]
    distance = EnergyDistance(HIFIGAN.sample_rate, urgency=1e6, excess=1.0, onset_excess=4.0)
    for plain, ratio in ((wave, 1.0), (2 * wave, 4.0)):
        loud, quiet = (distance(gain * wave, wave, plain) for gain in (1.1, 1 / 1.1))
        assert loud / quiet == pytest.approx(ratio, rel=0.02)


@pytest.mark.parametrize("name", ["excess", "onset_excess"])
@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan])
def test_an_excess_that_is_not_positive_is_refused(name, ratio):
    with pytest.raises(ConfigError, match=f"^{name}="):
        EnergyDistance(HIFIGAN.sample_rate, **{name: ratio})


def test_the_finish_learns_along_and_the_prior_does_not(bursts):
    objective = Unrolled(model=small_model(onsets=8), steps=(1,))
    objective(**bursts)["loss"].backward()
    learning = {name for name, p in objective.model.named_parameters() if p.grad is not None}
    assert {name.split(".")[0] for name in learning} == {"denoiser", "finish"}


def test_a_model_without_gains_learns_as_well(bursts):
    objective = Unrolled(model=small_model(onsets=0), steps=(1,))
    make_noisy(objective)
    losses = objective(**bursts)
    losses["loss"].backward()
    assert losses["energy"] > 0
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in objective.model.denoiser.parameters())


def test_nothing_learns_through_the_iterations_of_the_finish(bursts):
    """A voice that has them is trained as without, and speaks otherwise."""
    plain, iterated = small_model(onsets=8), small_model(onsets=8)
    iterated.finish = KeepToMel(mel=HIFIGAN, onsets=8, iterations=2)
    iterated.finish.load_state_dict(plain.finish.state_dict())
    said = []
    for model in (plain, iterated):
        torch.manual_seed(3)
        said.append(Unrolled(model=model, steps=(1,)).said(**bursts)[0])
    assert_close(said[0], said[1], rtol=0, atol=0)
    wave, mel = bursts["wave"], bursts["mel"]
    assert not torch.equal(plain.finish(wave, mel), iterated.finish(wave, mel))


def test_gains_learn_where_sound_begins(bursts):
    """The energy before a burst falls, of a result that is smeared by windows of 24 ms."""
    torch.manual_seed(0)
    objective = Unrolled(model=small_model(onsets=16), steps=(1,), mel=0.0)
    make_noisy(objective)
    objective.model.denoiser.requires_grad_(False)
    optimizer = torch.optim.Adam(objective.model.finish.parameters(), lr=0.02)
    before = energy_before(objective, bursts)
    for _ in range(25):
        optimizer.zero_grad()
        objective(**bursts)["loss"].backward()
        optimizer.step()
    assert energy_before(objective, bursts) < 0.3 * before


@torch.no_grad()
def make_noisy(objective: Unrolled) -> None:
    """Noise as loud as the prior's scale."""
    objective.model.denoiser.network.output.bias.view(2, -1, 2)[:, -1, 0] = 1.0


@torch.no_grad()
def energy_before(objective: Unrolled, batch: dict[str, torch.Tensor]) -> float:
    torch.manual_seed(5)
    said, _ = objective.said(**batch)
    return said[:, BURST - 150 : BURST - 30].square().mean().item()
