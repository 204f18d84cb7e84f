"""Clips that are shorter than the windows of what measures them end no training."""

from pathlib import Path

import pytest
import torch

from audiodiff.audio import save_audio
from audiodiff.data import Utterance, write_manifest
from audiodiff.experiment.run import train
from tests.runs import small

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, checkpoint folders, deprecations


@pytest.mark.parametrize("cache", ["", "data.cache=null"])
def test_a_validation_clip_of_two_frames_is_measured(tmp_path, cache):
    overrides = [cache] * bool(cache)
    config = small(tmp_path, "experiment=ljspeech_diffwave", "trainer.max_steps=1", *overrides)
    path = tmp_path / "short.wav"
    save_audio(path, 0.1 * torch.randn(600, generator=torch.Generator().manual_seed(0)), 22050)
    clip = Utterance(id="short", path=path, duration=600 / 22050, sample_rate=22050)
    write_manifest(Path(config.data.folder) / "valid.jsonl", [clip])
    assert (train(config) / "config.json").is_file()
