"""The universal recipe: what it merges, what it leaves out, how its copies vary."""

import numpy as np
import pytest
import soundfile

from audiodiff.data import Utterance, read_manifest, write_manifest
from tests.recipes.test_recipes import load

universal = load("universal")
HELD_OUT = sorted(universal.TEST_IDS)[0]


@pytest.fixture
def manifest(tmp_path):
    rows = []
    for k, name in enumerate(["a", "b", "c", HELD_OUT]):
        rate = 8000 if name == "b" else 16000
        times = np.arange(rate) / rate
        soundfile.write(tmp_path / f"{name}.flac", 0.3 * np.sin(2 * np.pi * (200 + 100 * k) * times), rate)
        path = tmp_path / f"{name}.flac"
        rows.append(Utterance(id=name, path=path, duration=1.0, sample_rate=rate, speaker=name))
    write_manifest(tmp_path / "train.jsonl", rows)
    return tmp_path / "train.jsonl"


def test_test_recordings_are_left_out_everywhere(manifest, tmp_path):
    rows = universal.merged([manifest, manifest])
    assert {row.id for row in rows} == {"a", "b", "c"}
    copies = list(universal.copies(rows, 1, tmp_path / "copies"))
    assert not any(HELD_OUT in copy.id for copy in copies)


def test_copies_depend_on_names_alone(manifest, tmp_path):
    rows = universal.merged([manifest])
    once = list(universal.copies(rows, 2, tmp_path / "one"))
    again = list(universal.copies(rows[::-1], 2, tmp_path / "two"))
    by_id = {copy.id: copy for copy in again}
    mixed = 0
    for copy in once:
        wave, rate = soundfile.read(copy.path)
        other, _ = soundfile.read(by_id[copy.id].path)
        mixed += not np.array_equal(wave, other)  # what lies under a copy is drawn from the list of recordings
        assert rate == copy.sample_rate
        assert 0.8 <= 1 / copy.duration <= 1.26
        assert 0.09 < np.abs(wave).max() <= 1
    assert mixed <= 2
    assert len({copy.speaker for copy in once}) == len(once) == 6


def test_the_command_writes_manifests(manifest, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["prepare.py", str(manifest), "--out", str(out), "--copies", "1"])
    monkeypatch.setattr(universal, "VALID_SHARE", 0.5)
    universal.main()
    train, valid = read_manifest(out / "train.jsonl"), read_manifest(out / "valid.jsonl")
    heard = {row.id.partition("+")[0] for row in train}
    assert heard | {row.id for row in valid} == {"a", "b", "c"}
    assert heard.isdisjoint(row.id for row in valid)
    assert len(train) == 2 * len(heard)
