"""Write manifests for any folder of audio files.

    python recipes/folder/prepare.py --corpus FOLDER

Whatever stands in a folder of its own is taken for a speaker; a text file beside a recording, of the same name, is
its text. 5 % are for validation and 5 % for tests, by a hash of names, but enough of a small folder: up to 8 recordings
each, unless that were more than a sixteenth of all, or an eighth for tests. From 8 speakers on whole speakers are held
out, so that the tests are of voices that were never heard.
"""

from collections.abc import Iterator
from pathlib import Path

from audiodiff.data.recipe import CorpusRecording, audio_files, run
from audiodiff.data.splits import splits_of_recordings
from audiodiff.errors import InputError


def download(target: Path, _: list[str]) -> Path:
    """There is nothing to download."""
    raise InputError("which folder? python recipes/folder/prepare.py --corpus FOLDER")


def speaker_of(path: Path, corpus: Path) -> str | None:
    """The folder of its own that a recording stands in, if it does."""
    parts = path.relative_to(corpus).parts
    return parts[0] if len(parts) > 1 else None


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
    split = splits_of_recordings({name: speaker_of(path, corpus) for name, path in files.items()})
    for name, path in files.items():
        text = path.with_suffix(".txt")
        yield CorpusRecording(
            id=name,
            path=path,
            split=split[name],
            speaker=speaker_of(path, corpus),
            text=text if text.is_file() else None,
        )


if __name__ == "__main__":
    run("folder", download, recordings, __doc__)
