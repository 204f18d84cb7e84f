"""The shared part of the recipes: recordings that a corpus lists become manifests of its splits."""

import argparse
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from audiodiff.audio.decoding import AUDIO_SUFFIXES, audio_frames, audio_header, files_below, real_path
from audiodiff.data.manifest import Utterance, read_manifest, write_manifest
from audiodiff.data.splits import SPLITS, Split, place_of
from audiodiff.errors import InputError, OutputError
from audiodiff.errors.sentences import boundary, sentence

_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", *sorted(AUDIO_SUFFIXES - {".wav", ".flac", ".ogg", ".mp3"}))
DEVELOPMENT = 32
"""Utterances of the development list, unless a recipe names them or `--dev` says how many."""
_NAMED = 20
"""So many recordings that were left out are named; the rest is counted."""


@dataclass(frozen=True, kw_only=True)
class CorpusRecording:
    """A file of a corpus and what the corpus says about it; a file that does not exist is named and left out."""

    id: str
    path: Path
    split: Split
    speaker: str | None = None
    text: str | Path | None = None
    """The words, or the file that holds them."""


@dataclass(frozen=True)
class Prepared:
    """Number of utterances in each split and in the development list, and the unreadable files with the reason."""

    counts: dict[Split, int]
    development: int
    unreadable: list[str] = field(default_factory=list)
    kept: int = 0
    """Recordings that stay in the split that manifests have them in, where the recipe would now say another."""


def prepare(
    recordings: Iterable[CorpusRecording],
    out: Path,
    *,
    named: Collection[str] = (),
    most: int = DEVELOPMENT,
    overwrite: bool = False,
) -> Prepared:
    """Write `train.jsonl`, `valid.jsonl`, `dev.jsonl` and `test.jsonl` into `out`, the same bytes for the same corpus.

    The development list is a part of the validation split (`development`). Recordings that manifests in `out` list
    stay in their split, so that nothing is tested on what was trained on before. Raises `InputError` if a split stays
    empty, and `OutputError` if the manifests list other recordings; with `overwrite` they are not looked at.
    """
    members: dict[Split, list[Utterance]] = {split: [] for split in SPLITS}
    unreadable = []
    recordings, kept = list(recordings), 0
    if not overwrite:
        check_same_corpus(recordings, out)
        recordings, kept = with_former_splits(recordings, out)
    for recording in recordings:
        try:
            members[recording.split].append(describe(recording))
        except Exception as error:  # one odd recording never ends the preparation of the others
            unreadable.append(f"{recording.id}: {sentence(error)}")
    for split, utterances in members.items():
        if not utterances:
            found = ", ".join(f"{len(members[name])} {name}" for name in SPLITS)
            raise InputError(
                f"no recording for the {split} split (found: {found}; {len(unreadable)} unreadable): "
                "give a folder that holds more of the corpus"
            )
    for split, utterances in members.items():
        write_manifest(out / f"{split}.jsonl", utterances)
    chosen = development(members["valid"], named, most)
    write_manifest(out / "dev.jsonl", chosen)
    return Prepared({split: len(members[split]) for split in SPLITS}, len(chosen), unreadable, kept)


def with_former_splits(recordings: list[CorpusRecording], out: Path) -> tuple[list[CorpusRecording], int]:
    """The recordings in the splits that manifests in `out` have them in, and how many of them that moves."""
    manifests = {split: out / f"{split}.jsonl" for split in SPLITS}
    former = {row.path: split for split, path in manifests.items() if path.exists() for row in read_manifest(path)}
    found = [
        replace(recording, split=former.get(recording.path.resolve(), recording.split)) for recording in recordings
    ]
    return found, sum(one.split != other.split for one, other in zip(recordings, found, strict=True))


def check_same_corpus(recordings: Iterable[CorpusRecording], out: Path) -> None:
    """Raise `OutputError` if manifests that are in `out` list recordings that are not among these."""
    manifests = [path for path in (out / f"{split}.jsonl" for split in SPLITS) if path.exists()]
    mine = {real_path(recording.path) for recording in recordings} if manifests else set()
    for manifest in manifests:
        try:
            others = [row.path for row in read_manifest(manifest) if real_path(row.path) not in mine]
        except InputError as error:
            raise OutputError(f"{error}; --overwrite replaces it, --out FOLDER leaves it alone") from error
        if others:
            raise OutputError(
                f"{manifest} lists {len(others)} recordings that are not in this corpus (such as {others[0]}): give "
                "another --out FOLDER, or replace it with --overwrite"
            )


def development(valid: Sequence[Utterance], named: Collection[str], most: int) -> list[Utterance]:
    """Select the utterances on which choices are made: those `named`, or the `most` that come first by a hash.

    Checkpoints, samplers, iterations and thresholds are chosen on them, and the test split is scored once.
    """
    if named:
        return [utterance for utterance in valid if utterance.id in named]
    first = {utterance.id for utterance in sorted(valid, key=lambda utterance: place_of(utterance.id))[:most]}
    return [utterance for utterance in valid if utterance.id in first]


def describe(recording: CorpusRecording) -> Utterance:
    """Read the header of a recording, and its text; raises `AudioError` where there is none."""
    rate, text = audio_header(recording.path).sample_rate, recording.text
    if isinstance(text, Path):
        text = text.read_text(encoding="utf-8-sig").strip()
    return Utterance(
        id=recording.id,
        path=real_path(recording.path),
        duration=round(audio_frames(recording.path) / rate, 4),
        sample_rate=rate,
        speaker=recording.speaker,
        text=text,
    )


def audio_files(folder: Path) -> Iterator[Path]:
    """Every audio file in a folder and the folders below it, sorted by path."""
    return iter(files_below(folder, AUDIO_SUFFIXES))


def audio_file(stem: Path) -> Path | None:
    """The audio file of that path without a suffix, whichever format it has; None if there is none."""
    found = (stem.with_name(stem.name + suffix) for suffix in _SUFFIXES)
    try:
        return next(filter(Path.is_file, found), None)
    except (OSError, ValueError):  # a name that no file can have
        return None


def need(path: Path, what: str) -> Path:
    """The path itself if it exists; raises `InputError` that says what the corpus's folder should hold."""
    if not path.exists():
        raise InputError(f"{path.parent} has no {path.name}: give the folder that holds {what}")
    return path


def run(
    name: str,
    download: Callable[[Path, list[str]], Path],
    recordings: Callable[[Path], Iterable[CorpusRecording]],
    doc: str | None,
    parts: Sequence[str] = (),
    usual: Sequence[str] = (),
    development: Collection[str] = (),
) -> None:
    """The command line of a recipe: download the corpus unless `--corpus` names its folder, then prepare it.

    Of a corpus in `parts`, the `usual` ones are downloaded unless `--parts` names others. `development` names the
    utterances on which choices are made, unless `--dev` asks for a number of them.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="the corpus's folder; without it the corpus is downloaded")
    parser.add_argument("--out", type=Path, default=Path("data") / name, help="where the manifests go")
    parser.add_argument("--dev", type=int, metavar="N", help=f"size of the development list, else {DEVELOPMENT}")
    if parts:
        parser.add_argument("--parts", nargs="+", choices=parts, default=list(usual), help="what to download")
    parser.add_argument("--overwrite", action="store_true", help="replace the manifests of another corpus")
    parser.add_argument("--debug", action="store_true", help="show where in the code an error came from")
    arguments = parser.parse_args()

    def command() -> None:
        corpus = arguments.corpus or download(Path("data"), getattr(arguments, "parts", []))
        named, most = (development, DEVELOPMENT) if arguments.dev is None else ((), arguments.dev)
        listed, out = recordings(corpus), arguments.out
        report(prepare(listed, out, named=named, most=most, overwrite=arguments.overwrite), out)

    boundary(command, debug=arguments.debug)


def report(prepared: Prepared, out: Path) -> None:
    """Say what was written, and name what was left out; the exit code is 1 if something was."""
    counts = ", ".join(f"{n} {split}" for split, n in prepared.counts.items())
    print(f"{out}: {counts}; {prepared.development} of valid are the development list")
    if prepared.kept:
        print(f"{prepared.kept} recordings stay in the split that the manifests had them in; --overwrite splits anew")
    if left_out := prepared.unreadable:
        more = [f"and {len(left_out) - _NAMED} more"] if len(left_out) > _NAMED else []
        print(f"{len(left_out)} left out:", *left_out[:_NAMED], *more, sep="\n  ")
        raise SystemExit(1)
