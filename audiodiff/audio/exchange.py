"""Two names that change their places on a disk."""

import ctypes
import errno
import os
import sys
from pathlib import Path
from uuid import uuid4

_HERE, _EXCHANGE, _SWAP = -100, 2, 2
"""AT_FDCWD and RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS."""
_UNKNOWN = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
"""Answers of a system, or of a disk, that has no such call."""


def exchange(one: Path, other: Path) -> None:
    """Give each of two files or folders of one disk the other's name.

    Linux and macOS do it at one instant. Elsewhere it takes three renames, and what was there is put back if one of
    them fails.
    """
    if not _at_once(one, other):
        _by_renames(one, other)


def _at_once(one: Path, other: Path) -> bool:
    """Exchange by a call of the system; False where there is none."""
    if sys.platform == "win32":  # where a library cannot be opened without its name
        return False
    library, names = ctypes.CDLL(None, use_errno=True), (os.fsencode(one), os.fsencode(other))
    if sys.platform.startswith("linux") and hasattr(library, "renameat2"):
        failed = library.renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE)
    elif sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(*names, _SWAP)
    else:
        return False
    if failed and ctypes.get_errno() not in _UNKNOWN:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))
    return not failed


def _by_renames(one: Path, other: Path) -> None:
    aside = other.with_name(f".{other.name}.{uuid4().hex[:8]}")
    other.rename(aside)
    try:
        one.rename(other)
    except BaseException:
        aside.rename(other)
        raise
    aside.rename(one)
