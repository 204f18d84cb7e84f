"""Every configuration of the core can be built and does its work."""

from pathlib import Path

import pytest
import torch
import yaml
from hydra.utils import instantiate
from torch.testing import assert_close

from audiodiff.diffusion import SAMPLERS, DiscreteBetas, X0Prediction
from tests.laws.exact import GAUSSIAN, normal
from tests.laws.members import DIFFWAVE

CONF = Path(__file__).resolve().parents[2] / "conf"


def configs(group):
    return sorted((CONF / group).glob("*.yaml"))


def build(path):
    return instantiate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("path", configs("schedule"), ids=lambda path: path.stem)
def test_schedules(path):
    schedule = build(path)
    t = torch.tensor([0.0, 0.5, 1.0])
    assert (schedule.sigma(t).diff() > 0).all()


@pytest.mark.parametrize("path", configs("prediction"), ids=lambda path: path.stem)
def test_predictions(path):
    prediction, x_0 = build(path), torch.ones(2, 3)
    assert prediction.target(x_0, -x_0, torch.tensor(0.5), DIFFWAVE).isfinite().all()


@pytest.mark.parametrize("path", configs("grid"), ids=lambda path: path.stem)
def test_grids(path):
    times = build(path)(DIFFWAVE)
    assert times[-1] == 0
    assert (times.diff() < 0).all()


@pytest.mark.parametrize("path", configs("sampler"), ids=lambda path: path.stem)
def test_samplers(path):
    times = torch.linspace(1, 0, 11, dtype=torch.float64)
    *_, x_0 = build(path)(GAUSSIAN.denoiser(DIFFWAVE), DIFFWAVE, torch.ones(1, 4), times, normal())
    assert x_0.isfinite().all()


def test_sampler_names_are_their_configs():
    needs_an_interval = {"restart"}
    assert {path.stem for path in configs("sampler")} - needs_an_interval == set(SAMPLERS)


@pytest.mark.parametrize("name", SAMPLERS)
def test_sampler_and_its_config_walk_alike(name):
    times = torch.linspace(1, 0, 6, dtype=torch.float64)
    config = build(CONF / "sampler" / f"{name}.yaml")
    one, other = (
        list(sampler(GAUSSIAN.denoiser(DIFFWAVE), DIFFWAVE, torch.ones(1, 4), times, normal()))
        for sampler in (SAMPLERS[name], config)
    )
    assert_close(one, other)


@pytest.mark.parametrize("path", configs("objective/times"), ids=lambda path: path.stem)
def test_time_draws(path):
    t = build(path)(DIFFWAVE, 8, torch.Generator().manual_seed(0))
    assert ((t > 0) & (t <= 1)).all()


@pytest.mark.parametrize("path", configs("objective/weight"), ids=lambda path: path.stem)
def test_weights(path):
    weight = build(path)(DIFFWAVE, X0Prediction(), torch.tensor([0.02, 0.5, 1.0]))
    assert (weight > 0).all()


@pytest.mark.parametrize("name", ["l1", "l2"])
def test_distances(name):
    distance = build(CONF / "objective" / "distance" / f"{name}.yaml")
    assert_close(distance(torch.ones(2, 3), torch.zeros(2, 3)), torch.ones(2))


def test_tables_are_found_by_name():
    assert isinstance(build(CONF / "schedule" / "diffwave_50_zero_snr.yaml"), DiscreteBetas)
