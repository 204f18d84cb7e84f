"""Data sets of the Hugging Face library as a source; without the library these tests are left out."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiodiff.data.hub_datasets import Columns, load, official, recordings_of
from audiodiff.data.recipe import prepare
from audiodiff.data.splits import SPLITS
from audiodiff.errors import InputError

datasets = pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own
COLUMNS = Columns(text="words", speaker="who")


def rows(folder, count):
    """Rows with files of their own, half a second each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        soundfile.write(path, 0.1 * np.sin(np.arange(4000) * (0.1 + 0.01 * number)), 8000)
    return {
        "audio": [str(path) for path in paths],
        "words": [f"number {number}" for number in range(count)],
        "who": list(range(count)),
    }


def saved(folder, table):
    """A data set on disk that holds the sound itself."""
    table = table.cast_column("audio", datasets.Audio(decode=False))
    inside = table.map(lambda row: {"audio": {"path": None, "bytes": Path(row["audio"]["path"]).read_bytes()}})
    inside.save_to_disk(str(folder))
    return str(folder)


def test_sound_inside_a_data_set_becomes_files_and_manifests(tmp_path):
    name = saved(tmp_path / "set", datasets.Dataset.from_dict(rows(tmp_path / "wavs", 9)))
    found = list(recordings_of(load(name), COLUMNS, tmp_path / "out"))
    assert prepare(found, tmp_path / "out").unreadable == []
    assert {row.split for row in found} == set(SPLITS)
    first = found[0]
    assert (first.id, first.speaker, first.text) == ("train-000000", "0", "number 0")
    assert first.path.read_bytes() == (tmp_path / "wavs" / "0.wav").read_bytes()
    assert first.path.parent == tmp_path / "out" / "audio"


def test_files_that_are_there_are_not_copied_and_official_splits_hold(tmp_path):
    parts = {
        part: datasets.Dataset.from_dict(rows(tmp_path / part, 2)) for part in ("train.clean", "validation", "test")
    }
    found = list(recordings_of(datasets.DatasetDict(parts), COLUMNS, tmp_path / "out"))
    assert [row.split for row in found] == ["train", "train", "valid", "valid", "test", "test"]
    assert found[0].path == tmp_path / "train.clean" / "0.wav"
    assert not (tmp_path / "out").exists()


def test_a_column_or_a_data_set_that_is_not_there_is_named(tmp_path):
    table = datasets.Dataset.from_dict(rows(tmp_path / "wavs", 2))
    with pytest.raises(InputError, match="no column 'speaker_id': choose among audio, words, who"):
        list(recordings_of({"train": table}, Columns(speaker="speaker_id"), tmp_path))
    with pytest.raises(InputError, match="cannot load the data set"):
        load(str(tmp_path / "absent"))


def test_names_of_splits():
    assert [official(name) for name in ("train.clean.100", "dev-other", "test_1", "everything")] == [
        "train",
        "valid",
        "test",
        None,
    ]
