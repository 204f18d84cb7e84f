"""Every data config builds its data module."""

import pytest

from audiodiff.data import Gain, Loudness
from audiodiff.data.datamodule import ShardData, VocoderData
from audiodiff.experiment.config import build, compose_config
from tests.conftest import ROOT

OF_ANY_CORPUS = "huggingface"
"""The recipe whose manifests are read by data=folder data.folder=..."""
CORPORA = sorted({path.parent.name for path in (ROOT / "recipes").glob("*/prepare.py")} - {OF_ANY_CORPUS})


@pytest.mark.parametrize("name", [*CORPORA, "shards"])
def test_every_corpus_builds_its_data(name, mel_features):
    config = compose_config("train", [f"data={name}", "seed=7"])
    data = build(config.data, features=mel_features)
    assert type(data) is (ShardData if name == "shards" else VocoderData)
    assert (data.seed, data.batch_size) == (7, 16)
    assert data.folder.name == ("libritts" if name == "shards" else name)


@pytest.mark.parametrize(("name", "kind"), [("gain", Gain), ("loudness", Loudness)])
@pytest.mark.parametrize("corpus", ["vctk", "shards"])
def test_augmentation_can_be_chosen(name, kind, corpus, mel_features):
    cache = [] if corpus == "shards" else ["data.cache=null"]
    config = compose_config("train", [f"data={corpus}", f"data/augment={name}", *cache])
    assert isinstance(build(config.data, features=mel_features).train_source.augment, kind)
