"""Download the Free Spoken Digit Dataset and write its manifests.

    python recipes/fsdd/prepare.py                      # downloads v1.0.10 to data/, writes data/fsdd
    python recipes/fsdd/prepare.py --corpus FOLDER      # a folder with recordings/, or of <digit>_<speaker>_<n> files

The split is the corpus's own: of each speaker and digit, recordings 0 to 4 are test data. Of the training part,
recordings 5 and 6 are held out for validation.
"""

from collections.abc import Iterator
from pathlib import Path

from audiodiff.data.download import Archive, unpacked
from audiodiff.data.recipe import CorpusRecording, audio_files, run
from audiodiff.data.splits import Split
from audiodiff.errors import InputError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VERSION = "1.0.10"
ARCHIVE = Archive(
    f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v{VERSION}.tar.gz",
    sha256=None,  # GitHub packs it on demand
)


def download(target: Path, _: list[str]) -> Path:
    """Download the corpus (about 16 MB) below `target` unless it is there; return its folder."""
    return unpacked(ARCHIVE, target) / f"free-spoken-digit-dataset-{VERSION}"


def split_of(index: int) -> Split:
    """The split of a speaker's n-th recording of a digit."""
    return "test" if index < 5 else "valid" if index < 7 else "train"


def recordings(corpus: Path) -> Iterator[CorpusRecording]:
    """Every recording, its text the digit as a word."""
    folder = corpus / "recordings" if (corpus / "recordings").is_dir() else corpus
    files = [path for path in audio_files(folder) if path.stem.count("_") == 2]
    if not files:
        raise InputError(f"{folder} holds no <digit>_<speaker>_<index> recordings: give the corpus's folder")
    for path in files:
        digit, speaker, index = path.stem.split("_")
        yield CorpusRecording(
            id=path.stem, path=path, split=split_of(int(index)), speaker=speaker, text=DIGITS[int(digit)]
        )


if __name__ == "__main__":
    run("fsdd", download, recordings, __doc__)
