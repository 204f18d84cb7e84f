"""Half-written files: held by whoever writes them, and swept away once nobody does."""

import os
import shutil
import signal
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest

from audiodiff.audio import exchange as exchanges
from audiodiff.audio.atomic import folder_written_whole, written_whole
from audiodiff.audio.exchange import exchange
from audiodiff.audio.scratch import sweep
from audiodiff.errors import OutputError

WAYS = {"file": written_whole, "folder": folder_written_whole}


def write_for_ever(kind: str, target: Path, ready) -> None:
    """Begin to write, say so, and never come to an end."""
    with WAYS[kind](target) as scratch:
        (scratch / "part" if kind == "folder" else scratch).write_text("half")
        ready.set()
        signal.pause()


@pytest.fixture(params=WAYS)
def writer(request, tmp_path):
    """A process at work on a target, and the target."""
    spawn = get_context("spawn")
    ready, target = spawn.Event(), tmp_path / "a.b.wav"
    child = spawn.Process(target=write_for_ever, args=(request.param, target, ready))
    child.start()
    assert ready.wait(60)
    yield child, target
    child.kill()
    child.join()


def test_a_sweep_takes_what_a_killed_process_left_and_nothing_of_a_living_one(writer):
    child, target = writer
    sweep([target])
    half = list(target.parent.iterdir())
    assert len(half) == 1, "another process is at work on it"
    child.kill()
    child.join()
    sweep([target.with_name("other.wav")])
    assert list(target.parent.iterdir()) == half, "it belongs to another target"
    sweep([target])
    assert not list(target.parent.iterdir())


def test_only_half_written_results_of_these_targets_are_swept_away(tmp_path):
    mine, others = tmp_path / ".a.b.0123abcd.wav", tmp_path / ".c.0123abcd.wav"
    kept = [others, tmp_path / ".a.b.wav", tmp_path / "a.b.wav", tmp_path / ".hidden"]
    for path in (mine, *kept):
        path.touch()
    sweep([tmp_path / "a.b.wav", tmp_path / "no-such-folder" / "x.wav"])
    assert not mine.exists()
    assert all(path.exists() for path in kept)


def write(kind: str, target: Path, content: str) -> None:
    """Write a file, or a folder with one; an empty content is an error halfway."""
    with WAYS[kind](target) as scratch:
        (scratch / "x" if kind == "folder" else scratch).write_text(content or "half")
        if not content:
            raise ZeroDivisionError


@pytest.mark.parametrize("kind", WAYS)
def test_a_failure_leaves_what_was_there(kind, tmp_path):
    target = tmp_path / "target"
    write(kind, target, "first")
    write(kind, target, "second")
    with pytest.raises(ZeroDivisionError):
        write(kind, target, "")
    assert (target / "x" if kind == "folder" else target).read_text() == "second"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_called_part_is_nobody_s_scratch(tmp_path):
    (tmp_path / "voice.part").mkdir()
    (tmp_path / "voice.part" / "precious").touch()
    with folder_written_whole(tmp_path / "voice"):
        pass
    assert (tmp_path / "voice.part" / "precious").exists()


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with folder_written_whole(tmp_path / "link") as scratch:
        (scratch / "new").touch()
    assert (tmp_path / "real" / "new").exists()
    assert (tmp_path / "link").is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("at_once", [True, False])
def test_two_folders_change_places(at_once, tmp_path, monkeypatch):
    if not at_once:
        monkeypatch.setattr(exchanges, "_at_once", lambda *_: False)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    exchange(tmp_path / "a", tmp_path / "b")
    assert [path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*/*"))] == [Path("a/b"), Path("b/a")]


def test_an_exchange_that_fails_is_rolled_back(tmp_path, monkeypatch):
    monkeypatch.setattr(exchanges, "_at_once", lambda *_: False)
    (tmp_path / "b").mkdir()
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "gone", tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path):
    (tmp_path / "file").touch()
    for way in WAYS.values():
        with pytest.raises(OutputError, match="cannot write"), way(tmp_path / "file" / "target"):
            pass


@pytest.mark.parametrize("kind", WAYS)
def test_windows_which_opens_no_folder_and_renames_nothing_that_is_open(kind, tmp_path, monkeypatch):
    """Pretended: only what has no handle on it may be asked for, and no library without a name."""
    plain, opened = os.open, []

    def refusing(path, *rest, **options):
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied")
        opened.append((path, rest))
        return plain(path, *rest, **options)

    def nameless(name, **_):
        raise TypeError(f"bad argument type: {name}")

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "open", refusing)
    monkeypatch.setattr(shutil, "_use_fd_functions", False)  # by which it removes folders elsewhere
    monkeypatch.setattr(exchanges.ctypes, "CDLL", nameless)
    target = tmp_path / "target"
    for content in ("first", "second"):
        write(kind, target, content)
        assert (target / "x" if kind == "folder" else target).read_text() == content
    assert list(tmp_path.iterdir()) == [target]
    assert not [rest for _, rest in opened if rest[0] == os.O_RDONLY], "a scratch file was held while it was renamed"
