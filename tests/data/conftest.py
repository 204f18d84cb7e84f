"""Recordings and features that the tests of the data share."""

import pytest

from audiodiff.data import Utterance
from audiodiff.training.model_features import MelFeatures
from tests.conftest import CLIP, ROOT

LONG = ROOT / "tests" / "clips" / "LJ001-0008.flac"
CLIPS = [
    Utterance(id="clip", path=CLIP, duration=1.9, sample_rate=22050, speaker="a"),
    Utterance(id="long", path=LONG, duration=1.8, sample_rate=22050, speaker="b"),
]


@pytest.fixture
def mel_features(tiny_model):
    return MelFeatures(model=tiny_model)
