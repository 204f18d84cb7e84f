"""Every config composes, and everything it names can be built."""

import pytest
import torch
from omegaconf import OmegaConf

from audiodiff.cli.config import build, compose_config, config_dir

TREE = config_dir()
EXPERIMENTS = sorted(path.stem for path in (TREE / "experiment").glob("*.yaml"))
GROUPS = ("mel", "network", "schedule", "prediction", "prior", "sampler", "grid", "objective", "features")
CHOICES = [(group, path.stem) for group in GROUPS for path in sorted((TREE / group).glob("*.yaml"))]
PARTS = [
    (part, path.stem)
    for part in ("distance", "weight", "times")
    for path in sorted((TREE / "objective" / part).glob("*.yaml"))
]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_experiment_builds_its_model_sampler_and_optimizer(experiment):
    config = compose_config("train", [f"experiment={experiment}"])
    OmegaConf.resolve(config)
    model = build(config.model)
    times = build(config.grid)(model.denoiser.schedule)
    assert times[-1] == 0
    assert callable(build(config.sampler))
    objective = build(config.objective, model=model)
    trainable = [p for p in objective.parameters() if p.requires_grad]
    optimizer = build(config.optimizer)(trainable)
    assert build(config.lr_schedule)(optimizer).get_last_lr()[0] > 0
    assert isinstance(objective, torch.nn.Module)


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_choice_of_a_group_builds(group, name):
    config = compose_config("train", ["experiment=ljspeech_diffwave", f"{group}={name}"])
    assert build(config[group]) is not None


@pytest.mark.parametrize(("part", "name"), PARTS)
def test_part_of_the_objective_can_be_chosen_and_used(part, name):
    small = ["network.channels=4", "network.layers=2"]
    config = compose_config("train", ["experiment=ljspeech_diffwave", f"objective/{part}={name}", *small])
    objective = build(config.objective, model=build(config.model))
    loss = objective(torch.randn(3, 512), torch.rand(3, 80, 2))["loss"]
    assert loss.isfinite()
    assert loss > 0


@pytest.mark.parametrize("path", sorted(TREE.rglob("*.yaml")), ids=lambda path: str(path.relative_to(TREE)))
def test_config_is_short(path):
    limit = 60 if path.parent == TREE else 25
    assert len(path.read_text().splitlines()) <= limit
