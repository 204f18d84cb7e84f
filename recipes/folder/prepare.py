"""Write manifests for any folder of audio files.

    python recipes/folder/prepare.py --corpus FOLDER

Whatever stands in a folder of its own is taken for a speaker; a text file beside a recording, of the same name, is
its text. By a hash of their names 5 % of the recordings are for validation and 5 % for tests, but at least one each.
"""

from collections.abc import Iterator
from pathlib import Path

from audiodiff.data.recipe import CorpusRecording, audio_files, run
from audiodiff.data.splits import Split, place_of, split_of
from audiodiff.errors import InputError

SHARE = 0.05


def download(target: Path, _: list[str]) -> Path:
    """There is nothing to download."""
    raise InputError("which folder? python recipes/folder/prepare.py --corpus FOLDER")


def splits(names: list[str]) -> dict[str, Split]:
    """The split of every name; where none falls to a split, the first by hash that is left over does."""
    found: dict[str, Split] = {name: split_of(name, valid=SHARE, test=SHARE) for name in names}
    held_out: tuple[Split, ...] = ("test", "valid")
    for split in held_out:
        left = [name for name in names if found[name] == "train"]
        if split not in found.values() and left:
            found[min(left, key=place_of)] = split
    return found


def recordings(corpus: Path) -> Iterator[CorpusRecording]:
    """Every audio file below the folder; its id is its path with dashes."""
    files: dict[str, Path] = {}
    for path in audio_files(corpus):
        name = "-".join(path.relative_to(corpus).with_suffix("").parts)
        if name in files:
            raise InputError(f"{path} and {files[name]} would both be called {name}: rename or remove one of them")
        files[name] = path
    if not files:
        raise InputError(f"{corpus} holds no audio file: give a folder with .wav, .flac, .ogg or .mp3 files")
    split = splits(list(files))
    for name, path in files.items():
        parts, text = path.relative_to(corpus).parts, path.with_suffix(".txt")
        yield CorpusRecording(
            id=name,
            path=path,
            split=split[name],
            speaker=parts[0] if len(parts) > 1 else None,
            text=text if text.is_file() else None,
        )


if __name__ == "__main__":
    run("folder", download, recordings, __doc__)
