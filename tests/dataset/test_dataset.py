"""Manifests, stored features and crops."""

import json
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from audiodiff.audio import convention
from audiodiff.data import ClipDataset, CropDataset, FeatureStore, Utterance, read_manifest, write_manifest
from audiodiff.errors import ConfigError, InputError
from audiodiff.training.features import InversionFeatures, MelFeatures
from tests.conftest import CLIP

UTTERANCE = Utterance(id="clip", path=CLIP, duration=1.9, sample_rate=22050)


@pytest.fixture
def store(tmp_path, tiny_model):
    store = FeatureStore(tmp_path / "cache", InversionFeatures(model=tiny_model, iterations=2))
    store.compute(UTTERANCE)
    return store


def test_manifest_round_trip(tmp_path):
    other = Utterance(id="a", path=CLIP, duration=1.0, sample_rate=16000, speaker="s", text="Ünïcode")
    write_manifest(tmp_path / "m.jsonl", [UTTERANCE, other])
    assert read_manifest(tmp_path / "m.jsonl") == [other, UTTERANCE]


def test_paths_are_relative_to_the_manifest(tmp_path):
    row = {"id": "a", "path": "wavs/a.wav", "duration": 1.0, "sample_rate": 22050}
    (tmp_path / "m.jsonl").write_text(json.dumps(row) + "\n")
    assert read_manifest(tmp_path / "m.jsonl")[0].path == tmp_path / "wavs" / "a.wav"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "lists no recording"),
        ("{}\n", "line 1"),
        ("no json\n", "line 1"),
        ('{"id": "a", "path": "x", "duration": 1.0, "sample_rate": 1, "pth": 2}\n', "pth"),
    ],
)
def test_bad_manifests_are_refused(tmp_path, text, words):
    (tmp_path / "m.jsonl").write_text(text)
    with pytest.raises(InputError, match=words):
        read_manifest(tmp_path / "m.jsonl")
    with pytest.raises(InputError, match="cannot read"):
        read_manifest(tmp_path / "absent.jsonl")


def test_features_are_computed_once(store):
    path = store.path(UTTERANCE)
    written = path.stat().st_mtime_ns
    assert store.compute(UTTERANCE) == path
    assert path.stat().st_mtime_ns == written


def test_other_settings_are_other_files(store, tmp_path, tiny_model):
    def path(features) -> Path:
        return FeatureStore(tmp_path / "cache", features).path(UTTERANCE)

    paths = {store.path(UTTERANCE), path(MelFeatures(model=tiny_model))}
    paths.add(path(InversionFeatures(model=tiny_model, iterations=3)))
    tiny_model.mel = convention("diffwave_22k")
    paths.add(path(MelFeatures(model=tiny_model)))
    assert len(paths) == 4


def test_other_weights_are_other_files(store, tiny_model):
    with torch.no_grad():
        next(tiny_model.prior.parameters()).add_(1)
    assert FeatureStore(store.folder, store.features).path(UTTERANCE) != store.path(UTTERANCE)


def test_crops_are_pieces_of_the_clip(store):
    dataset = CropDataset([UTTERANCE], store, segment=16)
    assert len(dataset) == store.frames(store.path(UTTERANCE)) // 16
    whole = ClipDataset([UTTERANCE], store, frames=10_000)[0]
    item = dataset[0]
    assert {name: tensor.shape for name, tensor in item.items()} == {
        "mel": (80, 16),
        "wave": (16 * 256,),
        "mean": (16 * 256,),
        "target": (16 * 256,),
    }
    windows = whole["mel"].unfold(1, 16, 1)
    start = int((windows - item["mel"][:, None]).abs().sum((0, 2)).argmin())
    for name in ("wave", "mean", "target"):
        assert_close(item[name], whole[name][start * 256 : (start + 16) * 256], rtol=0, atol=0)


def test_short_recordings_are_padded_not_dropped(store):
    item = CropDataset([UTTERANCE], store, segment=1000)[0]
    frames = store.frames(store.path(UTTERANCE))
    assert item["mel"].shape == (80, 1000)
    assert (item["wave"][frames * 256 :] == 0).all()
    assert_close(item["mel"][:, -1], item["mel"][:, frames - 1], rtol=0, atol=0)


def test_a_segment_must_hold_something(store):
    with pytest.raises(ConfigError, match="segment"):
        CropDataset([UTTERANCE], store, segment=0)


def test_an_interrupted_write_leaves_nothing(tmp_path, tiny_model):
    class Interrupted(MelFeatures):
        def __call__(self, wave):
            raise KeyboardInterrupt

    store = FeatureStore(tmp_path / "cache", Interrupted(model=tiny_model))
    with pytest.raises(KeyboardInterrupt):
        store.compute(UTTERANCE)
    assert not store.path(UTTERANCE).exists()
