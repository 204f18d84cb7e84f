"""The LJSpeech recipe on a corpus of three clips in the real layout."""

import importlib.util

import numpy as np
import pytest
import soundfile

from audiodiff.data import read_manifest
from audiodiff.errors import InputError
from tests.conftest import ROOT


def load(path):
    spec = importlib.util.spec_from_file_location("ljspeech_prepare", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


recipe = load(ROOT / "recipes" / "ljspeech" / "prepare.py")


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "LJSpeech-1.1"
    (folder / "wavs").mkdir(parents=True)
    for name, suffix in (("LJ001-0001", "wav"), ("LJ001-0002", "flac"), ("LJ002-0003", "wav")):
        soundfile.write(folder / "wavs" / f"{name}.{suffix}", np.zeros(11025), 22050)
    rows = [
        f'{name}|He said "no|yes"|He said "no|yes"' for name in ("LJ001-0001", "LJ001-0002", "LJ002-0003", "LJ009-0009")
    ]
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_prepare_is_repeatable_and_complete(corpus, tmp_path):
    counts = recipe.prepare(corpus, tmp_path / "a")
    recipe.prepare(corpus, tmp_path / "b")
    assert sum(counts.values()) == 3
    for split in ("train", "valid", "test"):
        assert (tmp_path / "a" / f"{split}.jsonl").read_bytes() == (tmp_path / "b" / f"{split}.jsonl").read_bytes()


def test_listed_test_utterances_are_never_trained_on(corpus, tmp_path):
    recipe.prepare(corpus, tmp_path / "out")
    listed = [u.id for u in read_manifest(tmp_path / "out" / "test.jsonl")]
    assert listed == ["LJ001-0001", "LJ001-0002"]
    for split in ("train", "valid"):
        assert not any(name in (tmp_path / "out" / f"{split}.jsonl").read_text() for name in listed)


def test_the_list_holds_every_test_clip_of_the_developers(shared):
    assert set((shared / "data" / "ljspeech" / "test.txt").read_text().split()) == recipe.TEST_IDS


def test_a_manifest_says_what_there_is_to_know(corpus, tmp_path):
    recipe.prepare(corpus, tmp_path / "out")
    utterance, _ = read_manifest(tmp_path / "out" / "test.jsonl")
    assert (utterance.duration, utterance.sample_rate) == (0.5, 22050)
    assert utterance.path.is_file()
    assert utterance.speaker == "linda_johnson"


def test_the_split_is_a_function_of_the_name():
    names = [f"LJ{i // 200:03d}-{i % 200:04d}" for i in range(13_100)]
    splits = [recipe.split_of(name) for name in names]
    assert splits.count("test") == len(recipe.TEST_IDS) == 16
    assert 200 < splits.count("valid") < 330
    assert splits == [recipe.split_of(name) for name in names]


def test_a_folder_in_another_layout_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"metadata\.csv"):
        recipe.prepare(tmp_path, tmp_path / "out")


def test_download_leaves_a_whole_corpus_alone(corpus):
    assert recipe.download(corpus.parent) == corpus
