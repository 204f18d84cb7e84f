"""Manifests: one JSON object per line, one line per recording."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

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
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(
            f"cannot read the manifest {path} ({error.strerror}): write it with the prepare.py of a recipe"
        ) from error
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
    text = "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _parse(line: str, manifest: Path, number: int) -> Utterance:
    try:
        row = json.loads(line)
        paths = {key: manifest.parent / row[key] for key in ("path", "mel") if key == "path" or key in row}
        utterance = Utterance(**row | paths)
    except (ValueError, TypeError, KeyError) as error:
        names = ", ".join(field.name for field in fields(Utterance))
        raise InputError(
            f"line {number} of {manifest} is not an utterance ({error}); its keys must be among {names}"
        ) from error
    return utterance
