"""Copies of training clips: of the pitch that they were moved to, the same ones every time."""

import runpy
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from audiodiff.data import Utterance, read_manifest, write_manifest
from audiodiff.source.pitch_track import track_pitch
from tests.conftest import ROOT
from tests.vowels import vowel

RATE = 22050
SCRIPT = ROOT / "recipes" / "ljspeech" / "copies.py"
LIMITS = runpy.run_path(str(SCRIPT))


@pytest.fixture
def folder(tmp_path):
    rows = []
    for name, f0 in (("a", 120.0), ("b", 200.0)):
        path = tmp_path / f"{name}.flac"
        soundfile.write(path, 0.3 * vowel(f0, RATE, "e", 1.0)[0], RATE)
        rows.append(Utterance(id=name, path=path, duration=1.0, sample_rate=RATE, speaker="x", text="e"))
    write_manifest(tmp_path / "train.jsonl", rows[:1])
    write_manifest(tmp_path / "valid.jsonl", rows[1:])
    return tmp_path


def f0_of(row):
    wave, rate = soundfile.read(row.path)
    f0 = track_pitch(wave, rate).f0
    return float(np.median(f0[f0 > 0]))


def run(folder, out):
    command = [sys.executable, SCRIPT, folder, "--out", out, "--processes", "1"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_copies_stand_beside_their_clip_at_other_pitches(folder, tmp_path):
    out = tmp_path / "out"
    assert "7 recordings" in run(folder, out)
    rows = list(read_manifest(out / "train.jsonl"))
    assert [row.id for row in rows] == ["a", *(f"a+{k}" for k in range(1, 7))]
    assert [row.id for row in read_manifest(out / "valid.jsonl")] == ["b"]
    ratios = np.log([f0_of(row) / 120 for row in rows])
    assert abs(ratios[:2]).max() < 0.01  # itself, and moved
    assert abs(ratios[2:4]).max() < LIMITS["SPEED"] + 0.01
    assert abs(ratios[4:]).max() < LIMITS["PITCH"] + 0.01
    assert len({round(ratio, 2) for ratio in ratios[2:]}) == 5
    for row in rows[2:4]:  # played faster, a clip is shorter by as much as its f0 is higher
        assert np.log(row.duration) == pytest.approx(-np.log(f0_of(row) / 120), abs=0.025)
    before = [row.path.read_bytes() for row in rows]
    for row in rows[1:]:
        row.path.unlink()
    run(folder, out)
    assert [row.path.read_bytes() for row in rows] == before
