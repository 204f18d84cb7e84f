"""Files that exist whole or not at all, and names that any file system takes."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from audiodiff.errors import OutputError

_SAFE = re.compile(r"[^\W_][\w .+@=,()-]*")
_LONGEST_NAME = 180
"""Bytes of a name without its suffix, which leaves room for what scratch files and caches add to it."""
_SCRATCH = re.compile(r"\.(?P<stem>.+)\.[0-9a-f]{8}")


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a scratch path beside `path`, renamed to it at the end and removed after a failure.

    Raises `OutputError` when the folder is missing or cannot be written to.
    """
    target = Path(path)
    scratch = target.with_name(f".{_short_stem(target)}.{uuid4().hex[:8]}{target.suffix}")
    try:
        scratch.touch(exist_ok=False)
        yield scratch
        scratch.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        _remove(scratch)


def scratch_of(path: Path) -> str | None:
    """The `scratch_key` of the target whose half-written content a file is; None for any other file."""
    half = _SCRATCH.fullmatch(path.stem)
    return None if half is None else half["stem"] + path.suffix


def scratch_key(target: Path) -> str:
    """The part of a scratch file's name that all scratch files of one target have in common."""
    return _short_stem(target) + target.suffix


def file_name(name: str) -> str:
    """Turn an id, whatever is in it, into a file's name without a suffix; different ids get different names.

    A short id of letters of any script, digits and common marks is its own name.
    """
    encoded = name.encode(errors="surrogatepass")
    if _SAFE.fullmatch(name) and len(encoded) <= _LONGEST_NAME and not name.endswith((" ", ".")):
        return name
    kept = re.sub(r"[^\w.+-]+", "_", name).strip("._ ")[:40] or "id"
    return f"{kept}-{sha256(encoded).hexdigest()[:16]}"


def _short_stem(target: Path) -> str:
    """The stem of a target, or a hash of it where a scratch file's name would be too long for a file system."""
    encoded = os.fsencode(target.stem)
    return target.stem if len(encoded) <= _LONGEST_NAME else sha256(encoded).hexdigest()[:32]


def _remove(path: Path) -> None:
    """Remove a file if it is there; a name that the file system refuses is not there."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
