"""Scratch files and folders beside the targets that they will become.

Whoever writes one holds it by a lock of the system, which ends with the process however that ends. So a sweep can tell
what a killed process left from what another one is writing now, on the same machine or on another one.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

LONGEST_NAME = 180
"""Bytes of a name without its suffix, which leaves room for what scratch files and caches add to it."""
_SCRATCH = re.compile(r"\.(?P<stem>.+)\.[0-9a-f]{8}")


@contextmanager
def scratch_file(target: Path) -> Iterator[Path]:
    """Yield a new empty file beside the target, held until the end; whatever has its name then is removed."""
    with _claimed(target, _new_file) as path:
        try:
            yield path
        finally:
            with suppress(OSError):  # a name that the file system refuses is not there
                path.unlink(missing_ok=True)


@contextmanager
def scratch_folder(target: Path) -> Iterator[Path]:
    """The same with a new empty folder."""
    with _claimed(target, Path.mkdir) as path:
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def scratch_keys(path: Path) -> set[str]:
    """The `scratch_key` of every target whose half-written content a path can be by its name: of most paths none."""
    halves = (_SCRATCH.fullmatch(path.name), _SCRATCH.fullmatch(path.stem))
    return {half["stem"] + suffix for half, suffix in zip(halves, ("", path.suffix), strict=True) if half is not None}


def scratch_key(target: Path) -> str:
    """The part of a scratch file's name that all scratch files of one target have in common."""
    return _short_stem(target) + target.suffix


def sweep(targets: Iterable[Path]) -> None:
    """Remove what killed processes have left half-written of these targets; what a living one holds stays."""
    half_written = {(target.parent, scratch_key(target)) for target in targets}
    for folder in {folder for folder, _ in half_written}:
        for path in folder.glob(".*"):
            if any((folder, key) in half_written for key in scratch_keys(path)):
                _remove_unless_held(path)


def _scratch_path(target: Path) -> Path:
    return target.with_name(f".{_short_stem(target)}.{uuid4().hex[:8]}{target.suffix}")


def _short_stem(target: Path) -> str:
    """The stem of a target, or a hash of it where a scratch file's name would be too long for a file system."""
    encoded = os.fsencode(target.stem)
    return target.stem if len(encoded) <= LONGEST_NAME else sha256(encoded).hexdigest()[:32]


@contextmanager
def _claimed(target: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    if sys.platform == "win32":  # where what is open cannot be renamed, and no folder opened: nothing is held or swept
        make(path := _scratch_path(target))
        yield path
        return
    path, handle = _claim(target, make)
    try:
        yield path
    finally:
        os.close(handle)


def _claim(target: Path, make: Callable[[Path], None]) -> tuple[Path, int]:
    """Make a scratch path and hold it; where a sweep takes it in the moment between, make another one."""
    while True:
        path = _scratch_path(target)
        make(path)
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        if held(handle) and path.exists():
            return path, handle
        os.close(handle)


def held(handle: int) -> bool:
    """Take the lock of an open file or folder until all who have it open close it; False where somebody else has it.

    On a disk that knows no locks, where no sweep removes anything, everybody has it.
    """
    try:
        _lock(handle)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _lock(handle: int) -> None:
    """Take the lock at once; raises `BlockingIOError` where another has it, `OSError` where there are no locks."""
    if sys.platform == "win32":
        raise OSError("nothing is locked there, so nothing is known to be left behind")
    import fcntl

    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove_unless_held(path: Path) -> None:
    """Remove a scratch path if nobody holds it; where that cannot be known it stays."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            _lock(handle)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        finally:
            os.close(handle)


def _new_file(path: Path) -> None:
    path.touch(exist_ok=False)
