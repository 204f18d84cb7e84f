"""Runs of the real configs on one clip, small enough for every test."""

from pathlib import Path

import lightning as L
from omegaconf import DictConfig, OmegaConf

from audiodiff.audio import load_audio
from audiodiff.data import Utterance, write_manifest
from audiodiff.experiment.config import compose_config
from audiodiff.training.analysed import analyse
from tests.conftest import CLIP
from tests.trees import source_filter_model

SMALL = {
    "network.channels": 8,
    "network.layers": 2,
    "network.dilation_cycle": 2,
    "network.step_channels": 8,
    "prior.magnitudes.channels": 8,
    "prior.magnitudes.layers": 2,
    "prior.magnitudes.dilation_cycle": 2,
    "prior.iterations": 2,
    **{
        f"prior.{part}.{size}": n
        for part in ("source", "filter", "spread")
        for size, n in (("channels", 8), ("layers", 2))
    },
    "data.batch_size": 2,
    "data.segment": 20,
    "data.workers": 0,
    "data.valid_frames": 32,
}
"""What is set smaller wherever an experiment has it."""

QUICK = [
    "init_from=null",
    "logger=csv",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.log_every_n_steps=1",
]


def small(folder: Path, *overrides: str) -> DictConfig:
    """A training config, small, whose corpus is one clip with a speaker and a text, and whose runs are in `folder`."""
    paths = [f"paths.data={folder}/data", f"paths.runs={folder}/runs"]
    config = compose_config("train", [*paths, *QUICK, *overrides])
    for name, value in SMALL.items():
        if OmegaConf.select(config, name) is not None:
            OmegaConf.update(config, name, value)
    path = analysed(folder) if config.data._target_.endswith("ConventionData") else CLIP
    clip = [Utterance(id="clip", path=path, duration=1.9, sample_rate=22050, speaker="george", text="six")]
    for split in ("train", "valid"):
        write_manifest(Path(config.data.folder) / f"{split}.jsonl", clip)
    return config


def analysed(folder: Path) -> Path:
    """The clip as recordings are analysed for a voice that speaks every mel, against a reference of random weights."""
    path = folder / "clip.safetensors"
    if not path.exists():
        analyse(load_audio(CLIP, 22050), 22050, source_filter_model()).save(path)
    return path


class Stop(L.Callback):
    """Something goes wrong before the step after `after`."""

    def __init__(self, *, after: int) -> None:
        self.after = after

    def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
        if trainer.global_step == self.after:
            raise RuntimeError("the power went off")
