"""What a call is about, and what of it is done."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from audiodiff.audio import save_audio
from audiodiff.audio.io import audio_comment
from audiodiff.bulk import Job, find_jobs, is_done, mark_of
from audiodiff.errors import InputError, OutputError

OUT = Path("out")


def results(inputs: list[Path], out: Path = OUT) -> dict[str, str]:
    return {str(job.source.name): job.target.as_posix() for job in find_jobs(inputs, out)}


@pytest.fixture
def mels(tmp_path):
    """A folder of mels and recordings, some of them deeper, and things that are neither."""
    folder = tmp_path / "mels"
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ("a.npy", "deep/b.safetensors", "deep/er/c.flac", "readme.txt", ".a.1234abcd.npy"):
        (folder / name).touch()
    return folder


def test_a_file_a_folder_and_a_manifest_become_jobs(mels, tmp_path):
    row = {"id": "book-1", "path": "wavs/1.wav", "duration": 1.0, "sample_rate": 22050}
    (tmp_path / "list.jsonl").write_text(json.dumps(row) + "\n")
    assert results([Path("x.y.npy"), mels, tmp_path / "list.jsonl"]) == {
        "x.y.npy": "out/x.y.wav",
        "a.npy": "out/a.wav",
        "b.safetensors": "out/deep/b.wav",
        "c.flac": "out/deep/er/c.wav",
        "1.wav": "out/book-1.wav",
    }
    assert find_jobs([tmp_path / "list.jsonl"], OUT)[0].source == tmp_path / "wavs" / "1.wav"


def test_one_file_may_be_named(mels):
    assert results([mels / "a.npy"], Path("named.flac")) == {"a.npy": "named.flac"}
    with pytest.raises(OutputError, match="3 inputs"):
        find_jobs([mels], Path("named.wav"))


def test_a_file_of_a_format_that_is_not_written_is_no_folder(mels, tmp_path):
    with pytest.raises(OutputError, match=r"\.flac and \.wav"):
        find_jobs([mels], tmp_path / "named.mp3")
    (tmp_path / "named.mp3").mkdir()
    assert len(find_jobs([mels], tmp_path / "named.mp3")) == 3


def test_a_folder_is_a_folder_whatever_its_name(mels, tmp_path):
    (tmp_path / "named.wav").mkdir()
    assert results([mels / "a.npy"], tmp_path / "named.wav") == {"a.npy": f"{tmp_path.as_posix()}/named.wav/a.wav"}


def test_what_is_named_twice_is_done_once(mels):
    jobs = find_jobs([mels / "a.npy", mels / "a.npy", mels, mels], OUT)
    assert [job.rivals for job in jobs] == [0, 0, 0]


def test_results_are_never_taken_for_inputs(mels):
    out = mels / "spoken"
    out.mkdir()
    (out / "a.wav").touch()
    assert "a.wav" not in results([mels], out)
    with pytest.raises(OutputError, match="another folder"):
        find_jobs([mels], mels)


def test_no_input_is_replaced(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"a recording")
    rows = [{"id": one, "path": f"{other}.wav", "duration": 1.0, "sample_rate": 22050} for one, other in ("ab", "ba")]
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
    for given, out in (("a.wav", "a.wav"), ("a.wav", "."), ("list.jsonl", "."), ("a.wav", "link.wav")):
        for job in find_jobs([tmp_path / given], tmp_path / out):
            with pytest.raises(InputError, match="is an input itself"):
                job.claim()


def test_rivals_for_a_name_are_refused_when_it_is_their_turn(tmp_path):
    jobs = find_jobs([Path("x/a.npy"), Path("y/a.npy"), Path("y/b.npy")], tmp_path)
    assert [job.rivals for job in jobs] == [1, 1, 0]
    with pytest.raises(OutputError, match="2 inputs would be written"):
        jobs[0].claim()
    jobs[2].claim()


def test_unwritable_folders_and_empty_ones_are_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot make the folder"):
        Job(Path("a.npy"), tmp_path / "file" / "a.wav").claim()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no mels and no audio"):
        find_jobs([tmp_path / "empty"], OUT)
    with pytest.raises(InputError, match="manifest"):
        find_jobs([tmp_path / "missing.jsonl"], OUT)


def test_an_empty_folder_and_a_bad_manifest_end_nothing_beside_other_inputs(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.jsonl").write_text("{")
    good, *bad = find_jobs([tmp_path / "empty", tmp_path / "a.npy", tmp_path / "bad.jsonl"], tmp_path / "out")
    good.claim()
    assert [job.source.name for job in bad] == ["empty", "bad.jsonl"]
    for job in bad:
        with pytest.raises(InputError, match=r"no mels and no audio|not an utterance"):
            job.claim()


def test_a_link_to_itself_is_no_file_and_no_traceback(mels):
    (mels / "loop.wav").symlink_to(mels / "loop.wav")
    assert "loop.wav" in results([mels])


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a/b", "a\\b", "x" * 300, "长" * 100])
def test_a_manifest_leads_nowhere_else(tmp_path, name):
    row = {"id": name, "path": "1.wav", "duration": 1.0, "sample_rate": 22050}
    (tmp_path / "list.jsonl").write_text(json.dumps(row) + "\n")
    (job,) = find_jobs([tmp_path / "list.jsonl"], OUT)
    assert job.target.parent == OUT


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_the_mark_travels_in_the_file_and_disturbs_no_sample(tmp_path, suffix):
    target, wave = tmp_path / f"a.{suffix}", torch.linspace(-1, 1, 1000)
    assert not is_done(target, "audiodiff mark")
    save_audio(target, wave, 22050, comment="audiodiff mark")
    assert is_done(target, "audiodiff mark")
    save_audio(tmp_path / f"plain.{suffix}", wave, 22050)
    assert audio_comment(tmp_path / f"plain.{suffix}") == ""
    np.testing.assert_array_equal(soundfile.read(target)[0], soundfile.read(tmp_path / f"plain.{suffix}")[0])
    if suffix == "wav":
        assert target.read_bytes()[36:40] == b"data"  # the header that simple readers expect


def test_what_has_the_name_but_not_the_mark_is_refused(tmp_path):
    target = tmp_path / "a.wav"
    save_audio(target, torch.zeros(10), 22050, comment="audiodiff other")
    with pytest.raises(OutputError, match="other settings"):
        is_done(target, "audiodiff mark")
    target.write_text("precious")
    with pytest.raises(OutputError, match="not made here"):
        is_done(target, "audiodiff mark")


def test_a_mark_tells_contents_and_settings_apart_but_not_places(tmp_path):
    for name, content in (("a.npy", b"1"), ("b.npy", b"1"), ("c.npy", b"2")):
        (tmp_path / name).write_bytes(content)
    marks = [mark_of(tmp_path / name, {"steps": 4}) for name in ("a.npy", "b.npy", "c.npy")]
    assert marks[0] == marks[1] != marks[2]
    assert mark_of(tmp_path / "a.npy", {"steps": 5}) != marks[0]
