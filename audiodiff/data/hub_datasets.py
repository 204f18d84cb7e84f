"""Data sets of the Hugging Face library `datasets`, whose audio column becomes recordings of a manifest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from audiodiff.audio.atomic import file_name, written_whole
from audiodiff.data.recipe import CorpusRecording
from audiodiff.data.splits import Split, splits_of_recordings
from audiodiff.errors import InputError

OFFICIAL: Mapping[str, Split] = {
    "train": "train",
    "validation": "valid",
    "valid": "valid",
    "dev": "valid",
    "test": "test",
}
"""Splits of the library by what they begin with, as in train.clean.100, and those that they become."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns that hold the sound, the words and the speaker; those that are None are not looked for."""

    audio: str = "audio"
    text: str | None = None
    speaker: str | None = None


def library() -> Any:  # noqa: ANN401 (compiled in parts, without types)
    """The package; raises `InputError` where it is not installed."""
    try:
        return import_module("datasets")
    except ImportError as error:
        raise InputError("this needs the library datasets, which is not installed: pip install datasets") from error


def load(name: str, config: str | None = None) -> Mapping[str, Any]:
    """The splits of a data set: a folder that `save_to_disk` wrote, else whatever `load_dataset` finds by that name."""
    datasets = library()
    if (Path(name) / "dataset_dict.json").is_file() or (Path(name) / "state.json").is_file():
        found = datasets.load_from_disk(name)
    else:
        try:
            found = datasets.load_dataset(name, config)
        except Exception as error:  # its own errors, those of the network below it, and those of loading scripts
            raise InputError(f"cannot load the data set {name}: {type(error).__name__} {error}") from error
    return found if isinstance(found, Mapping) else {"train": found}


def recordings_of(splits: Mapping[str, Any], columns: Columns, out: Path) -> Iterator[CorpusRecording]:
    """Every row as a recording; sound that is inside the data set is written, as it is, to files below `out`.

    The splits are the data set's own where it has train, validation and test; else they follow from speakers or names.
    Raises `InputError` for a column that is not there.
    """
    rows = [row for split, table in splits.items() for row in _rows(split, table, columns, out)]
    places: dict[str, Split] = {row.name: official(row.part) or "train" for row in rows}
    if {official(row.part) for row in rows} - {None} != set(OFFICIAL.values()):
        places = splits_of_recordings({row.name: row.speaker for row in rows})
    for row in rows:
        yield CorpusRecording(id=row.name, path=row.path, split=places[row.name], speaker=row.speaker, text=row.text)


def official(part: str) -> Split | None:
    """The split that one of the library's becomes, None for a name that says nothing."""
    return OFFICIAL.get(part.replace("-", ".").replace("_", ".").split(".")[0])


@dataclass(frozen=True)
class _Row:
    name: str
    part: str
    path: Path
    speaker: str | None
    text: str | None


def _rows(part: str, table: Any, columns: Columns, out: Path) -> Iterator[_Row]:  # noqa: ANN401 (the library's table)
    datasets = library()
    for name in filter(None, (columns.audio, columns.text, columns.speaker)):
        if name not in table.column_names:
            raise InputError(f"the data set has no column {name!r}: choose among {', '.join(table.column_names)}")
    table = table.cast_column(columns.audio, datasets.Audio(decode=False))
    for number, row in enumerate(table):
        sound = row[columns.audio]
        name = f"{part}-{number:06d}"
        path = Path(sound["path"] or "")
        if not path.is_file():
            path = _written(sound["bytes"], out / "audio" / f"{file_name(name)}{suffix(sound)}")
        text, speaker = (row[column] if column else None for column in (columns.text, columns.speaker))
        yield _Row(name, part, path, None if speaker is None else str(speaker), None if text is None else str(text))


def suffix(sound: Mapping[str, Any]) -> str:
    """The ending of the file that the sound came from, else what its first bytes say."""
    if ending := Path(sound["path"] or "").suffix:
        return ending
    starts = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg"}
    return starts.get((sound["bytes"] or b"")[:4], ".mp3")


def _written(content: bytes | None, path: Path) -> Path:
    """The file with this content; where there is none, the path is that of no file, and is reported as missing."""
    if content is not None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as scratch:
            scratch.write_bytes(content)
    return path
