"""Marks of finished work: every result carries in its own file from what and with which settings it was made.

A result and its mark appear in one rename, so there is no list that could disagree with the files, and nothing that
processes on several machines would have to write together.
"""

import json
from collections.abc import Mapping
from hashlib import file_digest, sha256
from pathlib import Path

from audiodiff.audio.io import audio_comment
from audiodiff.bundle.format import CONFIG, WEIGHTS
from audiodiff.errors import AudioError, OutputError
from audiodiff.version import __version__


def model_mark(folder: Path) -> str:
    """Digest that tells one bundle from another."""
    return digest_of(folder / CONFIG) + digest_of(folder / WEIGHTS)


def mark_of(source: Path, settings: Mapping[str, object]) -> str:
    """The mark of what the content of `source` becomes with these settings, which are plain JSON values."""
    key = json.dumps([digest_of(source), settings], sort_keys=True)
    return f"audiodiff {__version__} {sha256(key.encode()).hexdigest()[:32]}"


def is_done(target: Path, mark: str) -> bool:
    """Check whether `target` is there with this mark; raises `OutputError` where something else has its name."""
    if not target.exists():
        return False
    try:
        found = audio_comment(target)
    except AudioError:
        found = ""
    if found != mark:
        what = "made of another input or with other settings" if found.startswith("audiodiff ") else "not made here"
        raise OutputError(f"{target} is there already, {what}: pass --overwrite to replace it")
    return True


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
