"""Manifests: one JSON object per line, one line per recording."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from audiodiff.audio.atomic import written_whole
from audiodiff.errors import InputError
from audiodiff.types import Hertz, Seconds


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """A recording; `mel` is a file with the mel that a TTS model predicts for it, aligned with it frame by frame.

    In a manifest paths are absolute, or relative to the manifest's folder.
    """

    id: str
    path: Path
    duration: Seconds
    sample_rate: Hertz
    speaker: str | None = None
    text: str | None = None
    mel: Path | None = None


def read_manifest(path: Path) -> list[Utterance]:
    """Read the utterances of a manifest, their paths made absolute."""
    if path.exists() and not path.is_file():
        raise InputError(f"the manifest {path} is not a file: write it with the prepare.py of a recipe")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # splitlines would split at U+2028 in a text, too
    except OSError as error:
        raise InputError(
            f"cannot read the manifest {path} ({error.strerror}): write it with the prepare.py of a recipe"
        ) from error
    except ValueError as error:
        raise InputError(f"the manifest {path} is not text in UTF-8: save it as that") from error
    utterances = [_parse(line, path, number) for number, line in enumerate(lines, start=1) if line.strip()]
    if not utterances:
        raise InputError(f"the manifest {path} lists no recording: prepare the corpus again")
    return utterances


def write_manifest(path: Path, utterances: Iterable[Utterance]) -> None:
    """Write utterances sorted by id, so that the same corpus gives the same bytes."""
    rows = [
        {key: value for key, value in asdict(utterance).items() if value is not None}
        for utterance in sorted(utterances, key=lambda utterance: utterance.id)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as scratch:
        scratch.write_text("".join(f"{_line(row)}\n" for row in rows), encoding="utf-8")


def _parse(line: str, manifest: Path, number: int) -> Utterance:
    try:
        row = json.loads(line)
        given = ("path",) if row.get("mel") is None else ("path", "mel")
        paths = {key: manifest.parent / row[key] for key in given}
        utterance = Utterance(**row | paths)
        _check_types(utterance)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        names = ", ".join(field.name for field in fields(Utterance))
        raise InputError(
            f"line {number} of {manifest} is not an utterance ({error}); its keys must be among {names}"
        ) from error
    return utterance


def _check_types(utterance: Utterance) -> None:
    """Raise `ValueError` for a value of another type, or one that no recording can have."""
    if not isinstance(utterance.id, str) or not utterance.id:
        raise ValueError(f"id {utterance.id!r} is not a text")
    for name in ("speaker", "text"):
        if not isinstance(getattr(utterance, name), str | None):
            raise ValueError(f"{name} {getattr(utterance, name)!r} is not a text")
    if any("\0" in str(path) for path in (utterance.path, utterance.mel)):
        raise ValueError("a path holds the character 0")
    rate, duration = utterance.sample_rate, utterance.duration
    if type(rate) is not int or not 0 <= rate < 1 << 31:
        raise ValueError(f"sample_rate {rate!r} is not a number of hertz")
    if type(duration) not in (int, float) or not 0 <= duration < 1e9:
        raise ValueError(f"duration {duration!r} is not a number of seconds")


def _line(row: dict[str, Any]) -> str:
    """One row as JSON; a path that is not text in UTF-8 is escaped, and read back as it was."""
    line = json.dumps(row, ensure_ascii=False, default=str)
    return line if _encodable(line) else json.dumps(row, default=str)


def _encodable(line: str) -> bool:
    """Check that text can be written in UTF-8."""
    try:
        return bool(line.encode())
    except UnicodeEncodeError:
        return False
