"""A run that goes on: what is changed is applied and written down, or refused in a sentence."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from audiodiff.bundle.format import load_bundle
from audiodiff.errors import ConfigError
from audiodiff.experiment.checkpoint_state import StoredConfig
from audiodiff.experiment.run import train
from tests.runs import small

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, checkpoint folders, deprecations

TINY = ["experiment=ljspeech_diffwave", "name=mine", "trainer.val_check_interval=2", "lr_schedule=cosine"]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The folder above a run of two steps, which began with weights that are gone."""
    folder = tmp_path_factory.mktemp("begun")
    train(small(folder, *TINY, "trainer.max_steps=2", "name=first"))
    start = folder / "runs" / "first" / "checkpoints" / "last.ckpt"
    train(small(folder, *TINY, "trainer.max_steps=2", f"init_from={start}"))
    start.unlink()
    return folder


def last(folder: Path) -> dict:
    return torch.load(folder / "runs" / "mine" / "checkpoints" / "last.ckpt", weights_only=True)


def goes_on(begun: Path, folder: Path, *changed: str) -> None:
    """A run in another folder that goes on from the first one's checkpoint."""
    train(small(folder, *TINY, f"resume={begun}/runs/mine/checkpoints/last.ckpt", *changed))


def test_what_is_changed_is_applied_and_written_down(begun, tmp_path, capsys):
    goes_on(
        begun, tmp_path, "trainer.max_steps=4", "optimizer.lr=0.003", "+optimizer.betas=[0.8,0.9]", "data.workers=0"
    )
    checkpoint = last(tmp_path)
    group = checkpoint["optimizer_states"][0]["param_groups"][0]
    assert group["initial_lr"] == 0.003
    assert group["betas"] == (0.8, 0.9)
    assert checkpoint["lr_schedulers"][0]["base_lrs"] == [0.003]
    assert group["lr"] == checkpoint["lr_schedulers"][0]["_last_lr"][0]
    changed = checkpoint["changes"][0]["changed"]
    assert checkpoint["changes"][0]["step"] == 2
    assert changed["optimizer.lr"] == [0.0002, 0.003]
    assert changed["trainer.max_steps"] == [2, 4]
    run = tmp_path / "runs" / "mine"
    assert yaml.safe_load((run / "config.yaml").read_text())["optimizer"]["lr"] == 0.003
    assert "From step 2 on" in (card := load_bundle(run / "bundle").card)
    assert "optimizer.lr is 0.003 (was 0.0002)" in card
    assert "optimizer.lr is 0.003 (was 0.0002)" in capsys.readouterr().out


def test_the_first_weights_stay_those_of_the_beginning(begun, tmp_path):
    """They are not looked for again, and the record names those that the run began with."""
    goes_on(begun, tmp_path, "trainer.max_steps=3", "init_from=nowhere.ckpt")
    config = yaml.safe_load((tmp_path / "runs" / "mine" / "config.yaml").read_text())
    assert config["init_from"] == f"{begun}/runs/first/checkpoints/last.ckpt"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("optimizer=adamw", r"optimizer\._target_ was torch\.optim\.Adam, now torch\.optim\.AdamW"),
        ("data.valid_clips=40", r"data\.valid_clips was 8, now 40"),
        ("lr_schedule=constant", r"lr_schedule\._target_ was "),
        ("callbacks.ema=null", r"callbacks\.ema\._target_ was .*WeightAverage, now None"),
        ("trainer.max_steps=1", r"trainer\.max_steps=1: .* has taken 2 steps"),
    ],
)
def test_what_cannot_be_changed_is_refused(begun, tmp_path, setting, said):
    with pytest.raises(ConfigError, match=said):
        goes_on(begun, tmp_path, "trainer.max_steps=3", setting)
    assert not (tmp_path / "runs" / "mine" / "checkpoints").exists()


def test_another_number_of_processes_is_refused():
    stored = StoredConfig(OmegaConf.create(), [])
    stored.on_load_checkpoint(SimpleNamespace(world_size=4), None, {"world_size": 4})
    with pytest.raises(ConfigError, match="had 4 processes and cannot go on with 1"):
        stored.on_load_checkpoint(SimpleNamespace(world_size=1), None, {"world_size": 4})
