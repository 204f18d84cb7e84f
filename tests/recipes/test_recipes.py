"""Every recipe on a tiny corpus in the real layout of its corpus."""

import importlib.util
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from audiodiff.data import read_manifest
from audiodiff.data.recipe import prepare
from audiodiff.data.splits import SPLITS, split_of, splits_of_recordings
from audiodiff.errors import InputError, OutputError
from tests.conftest import ROOT

ORDINARY = "arctic_a0001"


def load(name):
    spec = importlib.util.spec_from_file_location(f"{name}_prepare", ROOT / "recipes" / name / "prepare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def speak(path: Path, rate: int) -> None:
    """Write half a second of something that is different in every file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.1 * np.random.default_rng(len(path.as_posix())).standard_normal(rate // 2)
    soundfile.write(path, wave, rate)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def ljspeech(corpus):
    for name, suffix in (("LJ001-0001", "wav"), ("LJ001-0002", "flac"), ("LJ002-0003", "wav"), ("LJ001-0020", "wav")):
        speak(corpus / "wavs" / f"{name}.{suffix}", 22050)
    names = ("LJ001-0001", "LJ001-0002", "LJ002-0003", "LJ001-0020", "LJ009-0009")
    write(corpus / "metadata.csv", "".join(f'{name}|No. 1 "no|yes"|He said "no|yes"\n' for name in names))


def vctk(corpus):
    for speaker in ("p225", "p280", "p315", "p376", "s5"):
        for mic in ("mic1",) if speaker == "p280" else ("mic1", "mic2"):
            speak(corpus / "wav48_silence_trimmed" / speaker / f"{speaker}_001_{mic}.flac", 48000)
        if speaker != "p315":
            write(corpus / "txt" / speaker / f"{speaker}_001.txt", "Please call Stella.\n")
    write(corpus / "wav48_silence_trimmed" / "log.txt", "")


def libritts(corpus):
    for part, speaker in (("train-clean-100", "19"), ("dev-clean", "84"), ("test-clean", "1089"), ("dev-other", "116")):
        stem = corpus / part / speaker / "198" / f"{speaker}_198_000001_000000"
        speak(stem.with_suffix(".wav"), 24000)
        write(stem.with_suffix(".normalized.txt"), "Norman, five.")
        write(stem.with_suffix(".original.txt"), "Norman, 5.")
    write(corpus / "speakers.tsv", "")


def cmu_arctic(corpus):
    prompts = [ORDINARY, *(f"arctic_b{number:04d}" for number in range(1, 150))]
    lines = "".join(f'( {name} "Author of the danger trail, etc." )\n' for name in prompts)
    held = [next(name for name in prompts if split_of(name, valid=0.02, test=0.02) == split) for split in SPLITS]
    for voice in ("bdl", "slt"):
        folder = corpus / f"cmu_us_{voice}_arctic"
        write(folder / "etc" / "txt.done.data", lines)
        for name in held:
            speak(folder / "wav" / f"{name}.wav", 16000)


def sc09(corpus):
    for word in ("zero", "one", "dog", "_background_noise_"):
        for speaker in ("004ae714", "00176480", "0a9f9af7"):
            speak(corpus / word / f"{speaker}_nohash_0.wav", 16000)
    write(corpus / "testing_list.txt", "zero/004ae714_nohash_0.wav\ndog/004ae714_nohash_0.wav\n")
    write(corpus / "validation_list.txt", "one/00176480_nohash_0.wav\n")


def fsdd(corpus):
    for digit in (0, 7):
        for index in (0, 4, 5, 6, 7, 49):
            speak(corpus / "recordings" / f"{digit}_jackson_{index}.wav", 8000)
    write(corpus / "metadata.py", "")


def folder(corpus):
    for name in ("anna/one.wav", "anna/two.flac", "bob/one.wav", "bob/deep/three.WAV"):
        speak(corpus / name, 16000)
    write(corpus / "anna" / "one.txt", "One.\n")
    write(corpus / "notes.md", "")


class Expected(NamedTuple):
    """What a recipe makes of the fake corpus."""

    make: object
    counts: tuple[int, int, int]
    row: tuple[str, str, str, int, str | None]
    """A test utterance: id, speaker, split, rate, text."""
    left_out: int = 0
    """Recordings that the corpus lists and does not hold."""


RECIPES = {
    "ljspeech": Expected(ljspeech, (1, 1, 2), ("LJ001-0002", "linda_johnson", "test", 22050, 'yes"'), 1),
    "vctk": Expected(vctk, (2, 1, 2), ("p376_001", "p376", "test", 48000, "Please call Stella.")),
    "libritts": Expected(libritts, (1, 2, 1), ("1089_198_000001_000000", "1089", "test", 24000, "Norman, five.")),
    "cmu_arctic": Expected(
        cmu_arctic, (2, 2, 2), (f"bdl_{ORDINARY}", "bdl", "train", 16000, "Author of the danger trail, etc."), 294
    ),
    "sc09": Expected(sc09, (4, 1, 1), ("zero_004ae714_nohash_0", "004ae714", "test", 16000, "zero")),
    "fsdd": Expected(fsdd, (4, 4, 4), ("7_jackson_4", "jackson", "test", 8000, "seven")),
    "folder": Expected(folder, (2, 1, 1), ("anna-one", "anna", "valid", 16000, "One.")),
}


def manifests(out):
    return {split: read_manifest(out / f"{split}.jsonl") for split in SPLITS}


def test_every_recipe_of_a_corpus_is_tested():
    found = (ROOT / "recipes").glob("*/prepare.py")
    assert set(RECIPES) == {path.parent.name for path in found if "def recordings(" in path.read_text("utf-8")}


@pytest.mark.parametrize("name", RECIPES)
def test_prepare_lists_the_corpus(name, tmp_path):
    recipe, expected = load(name), RECIPES[name]
    expected.make(tmp_path / "corpus")
    prepared = prepare(recipe.recordings(tmp_path / "corpus"), tmp_path / "out")
    assert (tuple(prepared.counts.values()), len(prepared.unreadable)) == (expected.counts, expected.left_out)
    splits = manifests(tmp_path / "out")
    assert [len(splits[split]) for split in SPLITS] == list(expected.counts)
    ids = [utterance.id for members in splits.values() for utterance in members]
    assert len(set(ids)) == len(ids)
    name, speaker, split, rate, text = expected.row
    found = next(utterance for utterance in splits[split] if utterance.id == name)
    assert (found.speaker, found.sample_rate, found.duration, found.text) == (speaker, rate, 0.5, text)
    assert found.path.is_file()


@pytest.mark.parametrize("name", RECIPES)
def test_prepare_writes_the_same_bytes_again(name, tmp_path):
    recipe = load(name)
    RECIPES[name].make(tmp_path / "corpus")
    for out in ("a", "b"):
        prepare(recipe.recordings(tmp_path / "corpus"), tmp_path / out)
    for split in SPLITS:
        assert (tmp_path / "a" / f"{split}.jsonl").read_bytes() == (tmp_path / "b" / f"{split}.jsonl").read_bytes()


@pytest.mark.parametrize("name", RECIPES)
def test_another_layout_is_refused(name, tmp_path):
    with pytest.raises(InputError, match="give "):
        prepare(load(name).recordings(tmp_path), tmp_path / "out")


def test_broken_files_are_named_and_an_empty_split_is_an_error(tmp_path):
    fsdd(tmp_path / "corpus")
    broken = tmp_path / "corpus" / "recordings" / "3_theo_0.wav"
    broken.write_bytes(b"no audio")
    recipe = load("fsdd")
    prepared = prepare(recipe.recordings(tmp_path / "corpus"), tmp_path / "out")
    assert len(prepared.unreadable) == 1
    assert str(broken) in prepared.unreadable[0]
    for path in (tmp_path / "corpus" / "recordings").glob("*_[56].wav"):
        path.unlink()
    with pytest.raises(InputError, match=r"no recording for the valid split.*4 train, 0 valid, 4 test"):
        prepare(recipe.recordings(tmp_path / "corpus"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("name", RECIPES)
def test_the_development_list_is_a_part_of_validation(name, tmp_path):
    RECIPES[name].make(tmp_path / "corpus")
    recordings = list(load(name).recordings(tmp_path / "corpus"))
    ids = []
    for most in (1, 2, 99):
        prepared = prepare(recordings, tmp_path / "out", most=most)
        chosen = [row.id for row in read_manifest(tmp_path / "out" / "dev.jsonl")]
        assert len(chosen) == prepared.development == min(most, prepared.counts["valid"])
        assert set(ids) <= set(chosen), "a longer list holds the shorter one"
        ids = chosen
    assert ids == [row.id for row in manifests(tmp_path / "out")["valid"]]


def test_the_development_list_of_ljspeech_is_named(tmp_path):
    recipe = load("ljspeech")
    assert len(recipe.DEVELOPMENT_IDS) == 32
    assert {recipe.split(name) for name in recipe.DEVELOPMENT_IDS} == {"valid"}
    ljspeech(tmp_path / "corpus")
    rows = list(recipe.recordings(tmp_path / "corpus"))
    assert prepare(rows, tmp_path / "out", named=recipe.DEVELOPMENT_IDS).development == 1
    assert [row.id for row in read_manifest(tmp_path / "out" / "dev.jsonl")] == ["LJ001-0020"]


def test_the_development_list_of_ljspeech_is_at_hand(shared):
    recipe = load("ljspeech")
    found = {recording.id for recording in recipe.recordings(shared / "data" / "ljspeech")}
    assert len(found & recipe.DEVELOPMENT_IDS) == 11


def test_the_test_list_of_ljspeech_is_the_developers(shared):
    assert set((shared / "data" / "ljspeech" / "test.txt").read_text().split()) == load("ljspeech").TEST_IDS


def test_the_split_of_ljspeech_is_a_function_of_the_name():
    recipe = load("ljspeech")
    splits = [recipe.split(f"LJ{i // 200:03d}-{i % 200:04d}") for i in range(13_100)]
    assert splits.count("test") == len(recipe.TEST_IDS) == 16
    assert 200 < splits.count("valid") < 330


def test_two_files_of_a_folder_must_not_share_an_id(tmp_path):
    for name in ("a-b.wav", "a/b.wav", "c.wav"):
        speak(tmp_path / name, 8000)
    with pytest.raises(InputError, match="both be called a-b"):
        list(load("folder").recordings(tmp_path))


def test_a_folder_of_some_speakers_holds_out_a_useful_number_of_recordings():
    for n, (tests, valid) in {4: (1, 1), 9: (2, 1), 83: (8, 6), 400: (8, 8)}.items():
        counts = Counter(splits_of_recordings({f"clip{i}": None for i in range(n)}).values())
        assert counts["test"] >= tests
        assert counts["valid"] >= valid
        assert counts["train"] >= n / 2


def test_a_folder_of_many_speakers_holds_out_whole_speakers(tmp_path):
    for speaker in range(12):
        for take in range(2):
            speak(tmp_path / f"speaker{speaker}" / f"{take}.wav", 8000)
    found = list(load("folder").recordings(tmp_path))
    of = {split: {row.speaker for row in found if row.split == split} for split in SPLITS}
    assert all(of.values())
    assert sum(map(len, of.values())) == len(set().union(*of.values())) == 12


def test_a_recording_stays_in_the_split_that_manifests_have_it_in(tmp_path):
    fsdd(tmp_path / "corpus")
    recordings = list(load("fsdd").recordings(tmp_path / "corpus"))
    prepare(recordings, tmp_path / "out")
    before = manifests(tmp_path / "out")
    first = next(row for row in recordings if row.split == "test")
    moved = [replace(row, split="train") if row is first else row for row in recordings]
    assert prepare(moved, tmp_path / "out").kept == 1
    assert manifests(tmp_path / "out") == before
    assert prepare(moved, tmp_path / "out", overwrite=True).kept == 0
    assert first.id in {row.id for row in manifests(tmp_path / "out")["train"]}


def test_no_test_clip_is_trained_on_whatever_the_folder_holds(shared):
    """Neither by its name, nor as the same recording under another one."""
    recipe = load("ljspeech")
    found = list(recipe.recordings(shared / "data" / "ljspeech"))
    by_split = {split: [recording for recording in found if recording.split == split] for split in SPLITS}
    assert {recording.id for recording in by_split["test"]} == recipe.TEST_IDS
    sounds = {split: {sha256(row.path.read_bytes()).digest() for row in by_split[split]} for split in SPLITS}
    assert len(by_split["train"]) == len(sounds["train"]) > 300
    assert not sounds["test"] & (sounds["train"] | sounds["valid"])


def test_manifests_of_another_corpus_are_not_replaced_unasked(tmp_path):
    recipe = load("fsdd")
    for name in ("one", "other"):
        fsdd(tmp_path / name)
    one, other = (list(recipe.recordings(tmp_path / name)) for name in ("one", "other"))
    prepare(one, tmp_path / "out")
    before = [(tmp_path / "out" / f"{split}.jsonl").read_bytes() for split in SPLITS]
    with pytest.raises(OutputError, match=r"lists 4 recordings that are not in this corpus .*--out .*--overwrite"):
        prepare(other, tmp_path / "out")
    assert [(tmp_path / "out" / f"{split}.jsonl").read_bytes() for split in SPLITS] == before
    prepare(one, tmp_path / "out")
    speak(tmp_path / "one" / "recordings" / "7_theo_49.wav", 8000)
    more = prepare(recipe.recordings(tmp_path / "one"), tmp_path / "out")
    assert sum(more.counts.values()) == len(one) + 1, "the same corpus may grow"
    prepare(other, tmp_path / "out", overwrite=True)
    assert not {row.path for row in read_manifest(tmp_path / "out" / "train.jsonl")} & {row.path for row in one}


def test_what_is_no_manifest_is_not_replaced_either(tmp_path):
    fsdd(tmp_path / "corpus")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "test.jsonl").write_text("my own list")
    with pytest.raises(OutputError, match="--overwrite"):
        prepare(load("fsdd").recordings(tmp_path / "corpus"), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["test.jsonl"]
