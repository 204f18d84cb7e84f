"""Opinions, where the package that carries the network is installed."""

import sys

import numpy as np
import pytest

from audiodiff.evaluation.ear import ear_measures, load_distillmos
from tests.evaluation.conftest import SAMPLE_RATE
from tests.evaluation.controls import low_passed, with_noise


@pytest.fixture(scope="module")
def judge():
    pytest.importorskip("distillmos")
    return load_distillmos()


def test_noise_is_liked_less_than_speech(judge, speech):
    speech = np.concatenate(list(speech.values()))
    opinions = [judge(wave, SAMPLE_RATE) for wave in (speech, with_noise(speech, 10), with_noise(speech, -10))]
    assert opinions == sorted(opinions, reverse=True)
    assert 1 <= opinions[-1] < opinions[0] - 1 < 4


def test_the_change_is_against_the_recording(judge, speech):
    for recording in speech.values():
        worse = low_passed(with_noise(recording, 15), 6000)
        measured = ear_measures(recording, worse, SAMPLE_RATE, judge)
        own = ear_measures(recording, recording, SAMPLE_RATE, judge)
        assert own["distillmos_change"] == 0
        assert measured["distillmos_change"] == pytest.approx(measured["distillmos"] - own["distillmos"], abs=1e-4)


def test_without_the_package_there_is_a_reason(speech, monkeypatch):
    monkeypatch.setitem(sys.modules, "distillmos", None)
    assert load_distillmos() is None
    recording = speech["LJ001-0002"]
    assert "distillmos" in ear_measures(recording, recording, SAMPLE_RATE, load_distillmos())["distillmos"]
