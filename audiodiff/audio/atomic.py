"""Files that exist whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from audiodiff.errors import OutputError


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a scratch path beside `path`, renamed to it at the end and removed after a failure.

    Raises `OutputError` when the folder is missing or cannot be written to.
    """
    target = Path(path)
    scratch = target.with_name(f".{target.stem}.{uuid4().hex[:8]}{target.suffix}")
    try:
        scratch.touch(exist_ok=False)
        yield scratch
        scratch.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        scratch.unlink(missing_ok=True)
