"""Results of `audiodiff mel`: their files, and the report on them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audiodiff.audio.decoding import files_below, real_path
from audiodiff.errors import MelError, OutputError
from audiodiff.errors.sentences import sentence
from audiodiff.mel.formats import CARRIERS, READERS, WRITERS


@dataclass
class Outcome:
    """Number of inputs that were dealt with, and a sentence for each one that could not be."""

    done: int = 0
    failures: list[str] = field(default_factory=list)

    def fail(self, path: Path, error: Exception) -> None:
        """Note what went wrong, with the name of the file unless the error has it."""
        said = sentence(error)
        named = re.search(rf"(?<!\w){re.escape(str(path))}(?!\w)", said)  # "in" is no part of "inputs"
        self.failures.append(said if named else f"{path}: {said}")


def mel_files(given: list[Path], outcome: Outcome, results: Path | None = None) -> Iterator[tuple[Path, Path]]:
    """The files that are named and those in folders that are, each with its folder below that one.

    What lies below `results` is no input of a folder. A folder without mels is a failure of `outcome`.
    """
    for path in given:
        if not path.is_dir():
            yield path, Path()
            continue
        found = files_below(path, frozenset(READERS))
        if results is not None and real_path(results) == real_path(path):
            outcome.fail(path, OutputError("results would be written between the inputs: give another folder"))
            continue
        if results is not None:
            found = [file for file in found if real_path(results) not in real_path(file).parents]
        if not found:
            outcome.fail(path, MelError(f"no mels in this folder; looked for {', '.join(sorted(READERS))}"))
        yield from ((file, file.parent.relative_to(path)) for file in found)


class Target:
    """A folder for mels of one format; raises `OutputError` for a format that cannot be written."""

    def __init__(self, folder: Path, file_format: str, overwrite: bool) -> None:
        self.folder, self.suffix, self.overwrite = folder, f".{file_format.lstrip('.').lower()}", overwrite
        if self.suffix not in WRITERS:
            known = ", ".join(suffix[1:] for suffix in WRITERS)
            raise OutputError(f"no mel format {file_format!r}: choose one of {known}")
        if folder.suffix.lower() in WRITERS and not folder.is_dir():
            raise OutputError(f"{folder} has the name of a file, and results go into a folder: give one")
        self.taken: set[Path] = set()

    @property
    def carries_spec(self) -> bool:
        """Check whether files of this format say which convention they are in."""
        return self.suffix in CARRIERS

    def path(self, stem: Path | str) -> Path:
        """The file for a result, its folder made; raises `OutputError` if it is there or would be written twice."""
        path = self.folder / f"{stem}{self.suffix}"
        if path in self.taken:
            raise OutputError(f"two inputs would be written to {path}: rename one, or use two folders")
        if path.exists() and not self.overwrite:
            raise OutputError(f"{path} is there already: pass --overwrite to replace it")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {path.parent}: {error.strerror}") from error
        self.taken.add(path)
        return path
