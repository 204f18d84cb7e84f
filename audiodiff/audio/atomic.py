"""Files and folders that exist whole or not at all, and names that any file system takes."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from audiodiff.audio.exchange import exchange
from audiodiff.audio.scratch import LONGEST_NAME, scratch_file, scratch_folder, sweep
from audiodiff.errors import AudiodiffError, OutputError
from audiodiff.errors.sentences import words_of

_SAFE = re.compile(r"[^\W_][\w .+@=,()-]*")


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a scratch path beside `path`, renamed to it at the end and removed after a failure.

    Raises `OutputError` when the folder is missing or cannot be written to.
    """
    target = Path(path)
    try:
        with scratch_file(target) as scratch:
            yield scratch
            scratch.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Yield a scratch folder beside `path`, which takes its place at the end; after a failure what was there stays.

    A folder that was there is removed when the new one is in its place, and so is what killed processes have left.
    Raises `OutputError` when that does not work.
    """
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(target) as scratch:
            yield scratch
            if target.exists():
                exchange(scratch, target)
            else:
                scratch.rename(target)
        sweep([target])
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def library_writes(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let a library write a file: an error of any kind, by which it may report a full disk, is an `OutputError`."""
    try:
        yield
    except AudiodiffError:
        raise
    except Exception as error:  # libraries report a full disk by errors of their own
        raise OutputError(f"cannot write {path}: {words_of(error)}") from error


def file_name(name: str) -> str:
    """Turn an id, whatever is in it, into a file's name without a suffix; different ids get different names.

    A short id of letters of any script, digits and common marks is its own name.
    """
    encoded = name.encode(errors="surrogatepass")
    if _SAFE.fullmatch(name) and len(encoded) <= LONGEST_NAME and not name.endswith((" ", ".")):
        return name
    kept = re.sub(r"[^\w.+-]+", "_", name).strip("._ ")[:40] or "id"
    return f"{kept}-{sha256(encoded).hexdigest()[:16]}"
