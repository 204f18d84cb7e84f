"""Jobs of vocoding, from files, folders of them, and manifests."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from audiodiff.audio.atomic import file_name
from audiodiff.audio.decoding import AUDIO_SUFFIXES, files_below, real_path
from audiodiff.data.manifest import read_manifest
from audiodiff.errors import InputError, OutputError
from audiodiff.mel.formats import READERS

RESULTS = frozenset({".wav", ".flac"})
"""Suffixes that make OUT a file; any other OUT, and a folder that is there by such a name, is a folder."""

SOURCES = frozenset(READERS) | AUDIO_SUFFIXES
"""Endings that are looked for in a folder."""


@dataclass(frozen=True)
class Job:
    """One recording: the file that it is made from, and the file that it becomes."""

    source: Path
    target: Path
    rivals: int = 0
    """Number of other jobs that have the same target."""
    problem: str = ""
    """A reason why nothing is done, such as a folder that holds no recording or a target that is an input."""

    def claim(self) -> None:
        """Make the folder of the target; raises `OutputError` where that fails, or where the target is not unique.

        Raises `InputError` for a job that has a `problem`.
        """
        if self.problem:
            raise InputError(self.problem)
        if self.rivals:
            raise OutputError(
                f"{self.rivals + 1} inputs would be written to {self.target}: rename them or use two folders"
            )
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {self.target.parent}: {error.strerror}") from error


def find_jobs(inputs: Sequence[Path], out: Path) -> list[Job]:
    """The jobs of a call: OUT is one audio file for one input, or the folder for all results.

    A file becomes OUT/name.wav, a file somewhere in a folder OUT/somewhere/name.wav, an utterance of a manifest
    (.jsonl) OUT/id.wav. A folder without mels and audio and an unreadable manifest are jobs with a `problem` beside
    other inputs, and an `InputError` alone. Raises `OutputError` where OUT is one of the inputs' folders, one file for
    several results, or of another format.
    """
    if out.suffix.lower() in AUDIO_SUFFIXES - RESULTS and not out.is_dir():
        raise OutputError(f"{out} cannot be written: results are {' and '.join(sorted(RESULTS))} files, or a folder")
    found, idle = [], []
    for given in inputs:
        try:
            found += _found(given, out)
        except InputError as error:
            if len(inputs) == 1:
                raise
            idle.append(Job(given, out / f"{given.stem}.wav", problem=str(error)))
    found = list(dict.fromkeys(found))  # one that is named twice is done once
    one_file = out.suffix.lower() in RESULTS and not out.is_dir()
    if one_file and len(found) + len(idle) > 1:
        raise OutputError(f"{out} is one file, but there are {len(found) + len(idle)} inputs: give a folder")
    targets = [out if one_file else out / f"{name}.wav" for _, name in found]
    counts, sources = Counter(targets), {real_path(source) for source, _ in found}
    problems = [
        f"{target} is an input itself: give another folder or name" if real_path(target) in sources else ""
        for target in targets
    ]
    jobs = [
        Job(source, target, counts[target] - 1, problem)
        for (source, _), target, problem in zip(found, targets, problems, strict=True)
    ]
    return jobs + idle


def _found(given: Path, out: Path) -> Iterator[tuple[Path, str]]:
    """The sources that an argument stands for, each with the name of its result, folders included."""
    if given.is_dir():
        yield from _in_folder(given, out)
    elif given.suffix.lower() == ".jsonl":
        yield from ((utterance.path, file_name(utterance.id)) for utterance in read_manifest(given))
    else:
        yield given, given.stem


def _in_folder(folder: Path, out: Path) -> Iterator[tuple[Path, str]]:
    """All mels and recordings below a folder, without hidden ones and without the results of an earlier run."""
    results = real_path(out)
    if results == real_path(folder):
        raise OutputError(f"the results would be written between the inputs in {folder}: give another folder")
    paths = [path for path in files_below(folder, SOURCES) if results not in real_path(path).parents]
    if not paths:
        raise InputError(f"{folder} holds no mels and no audio; looked for {', '.join(sorted(SOURCES))}")
    yield from ((path, str(path.relative_to(folder).with_suffix(""))) for path in paths)
