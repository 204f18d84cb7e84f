"""Two implementations of what the ear attends to, written apart, agree on the same recordings."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from audiodiff.evaluation.ear import ear_measures, load_distillmos
from tests.evaluation.conftest import SAMPLE_RATE
from tests.evaluation.controls import (
    another_speaker,
    buzzing,
    delayed_by_half_a_sample,
    inverted_from_the_mel,
    with_lost_phases,
    with_noise,
)

DECIBEL, OTHER = 0.1, 0.01
THEIR_NAMES = {
    "residual_crest": ("crest", DECIBEL),
    "pulse_depth_1k": ("mod_1k", DECIBEL),
    "pulse_depth_2k": ("mod_2k", DECIBEL),
    "pulse_depth_4k": ("mod_4k", DECIBEL),
    "pre_echo": ("pre_echo", DECIBEL),
    "high_periodicity": ("hf_per", OTHER),
    "group_delay": ("gd", OTHER),
    "pulse_envelope": ("env_2k", OTHER),
    "voicing_f1": ("v_f1", OTHER),
    "f0_deviation": ("f0_cents", OTHER),
    "distillmos": ("mos", OTHER),
}
MADE = {
    "noisy": lambda speech: 0.5 * with_noise(speech, 30)[100:],
    "late": lambda speech: np.concatenate([np.zeros(221), -delayed_by_half_a_sample(speech)]),
    "phasey": with_lost_phases,
    "inverted": lambda speech: np.concatenate([np.zeros(321), inverted_from_the_mel(speech)]),
    "buzzing": buzzing,
    "spoken": lambda speech: another_speaker(speech)[150:],
}


@pytest.fixture(scope="module")
def script(shared):
    path = shared / "tools" / "ear.py"
    if not path.is_file():
        pytest.skip("needs the other implementation, tools/ear.py in the developers' folder")
    return path


@pytest.fixture(scope="module")
def pairs(shared, speech, tmp_path_factory):
    """Generated recordings beside their references, as files: what a vocoder made, and controls of both clips."""
    references, generated = tmp_path_factory.mktemp("reference"), tmp_path_factory.mktemp("generated")
    folder = shared / "parity" / "metrics"
    made = {"LJ001-0003": [soundfile.read(folder / f"LJ001-0003_{part}.flac")[0] for part in ("gt", "gen")]}
    for clip, recording in speech.items():
        made |= {f"{clip}-{name}": [recording, make(recording)] for name, make in MADE.items()}
    for name, waves in made.items():
        for place, wave in zip((references, generated), waves, strict=True):
            soundfile.write(place / f"{name}.wav", wave, SAMPLE_RATE, subtype="DOUBLE")
    return references, generated


@pytest.fixture(scope="module")
def theirs(script, pairs, tmp_path_factory):
    """What the script says of every pair."""
    out = tmp_path_factory.mktemp("scores") / "scores.json"
    subprocess.run([sys.executable, script, *pairs, "--out", out, "--quiet"], check=True, capture_output=True)
    return json.loads(out.read_text())["clips"]


def test_every_value_is_that_of_the_script(theirs, pairs):
    judge = load_distillmos()
    assert len(theirs) == 1 + 2 * len(MADE)
    for clip, expected in theirs.items():
        reference, generated = (soundfile.read(folder / f"{clip}.wav")[0] for folder in pairs)
        found = ear_measures(reference, generated, SAMPLE_RATE, judge)
        for name, (their_name, tolerance) in THEIR_NAMES.items():
            if their_name in expected:
                assert found[name] == pytest.approx(expected[their_name], abs=tolerance), (clip, name)
            else:
                assert isinstance(found[name], str), (clip, name)
        if judge is not None and "mos" in expected:
            change = expected["mos"] - expected["mos_gt"]
            assert found["distillmos_change"] == pytest.approx(change, abs=OTHER), clip
