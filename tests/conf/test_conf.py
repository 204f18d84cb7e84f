"""Every config composes, and everything it names can be built."""

import pytest
import torch
from omegaconf import OmegaConf

from audiodiff.experiment.config import build, compose_config, config_dir

TREE = config_dir()
EXPERIMENTS = sorted(path.stem for path in (TREE / "experiment").glob("*.yaml"))
GROUPS = ("mel", "network", "schedule", "prediction", "prior", "sampler", "grid", "objective", "features")
GROUPS += ("data", "logger", "optimizer", "lr_schedule")
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


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (TREE / group).glob("*.yaml"))


def test_no_group_is_forgotten():
    groups = {str(path.parent.relative_to(TREE)) for path in TREE.rglob("*.yaml")} - {"."}
    nested = {f"objective/{part}" for part in ("distance", "weight", "times")} | {"data/augment"}
    assert groups == set(GROUPS) | nested | {"callbacks", "debug", "experiment", "finish", "paths", "trainer"}


@pytest.mark.parametrize("name", names("finish"))
def test_finish_is_built_into_the_model(name):
    model = build(compose_config("train", [f"finish={name}", "network.channels=4"]).model)
    assert model.finish is not None
    assert build(compose_config("train", ["network.channels=4"]).model).finish is None


@pytest.mark.parametrize("name", names("trainer"))
@pytest.mark.filterwarnings("ignore")  # Lightning's own, about what the machine has
def test_trainer_builds(name):
    config = compose_config("train", [f"trainer={name}", "trainer.accelerator=cpu"])
    config.trainer.devices = 1
    trainer = build(config.trainer, callbacks=[], logger=False)
    assert trainer.max_steps == 10000
    assert type(trainer.strategy.checkpoint_io).__name__ == "WholeCheckpoints"


@pytest.mark.parametrize("name", names("callbacks"))
def test_callbacks_build(name):
    config = compose_config("train", [f"callbacks={name}"])
    built = {key: build(node) for key, node in config.callbacks.items()}
    assert built["best"].monitor == ("valid/loss" if built["preview"] is None else "valid/mr_stft")


@pytest.mark.parametrize("name", names("data/augment"))
def test_augmentation_builds(name):
    assert callable(build(compose_config("train", [f"data/augment={name}"]).data.augment))


@pytest.mark.parametrize("debug", names("debug"))
def test_debug_presets_change_how_long_is_trained_and_never_what(debug):
    plain, changed = (
        OmegaConf.to_container(compose_config("train", ["experiment=ljspeech_fast", *choice]))
        for choice in ([], [f"debug={debug}"])
    )
    assert changed["name"] == f"debug_{debug}"
    for part in ("model", "network", "objective", "optimizer", "schedule", "sampler"):
        assert changed[part] == plain[part]
    assert changed["trainer"].keys() >= plain["trainer"].keys()


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_choice_of_a_group_builds(group, name):
    if name in ("wandb", "mlflow"):
        pytest.importorskip(name)
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
