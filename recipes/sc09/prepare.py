"""Download Speech Commands 0.02 and write the manifests of its ten digits (SC09).

    python recipes/sc09/prepare.py                      # downloads to data/speech_commands_v0.02, writes data/sc09
    python recipes/sc09/prepare.py --corpus FOLDER      # a folder with zero/ to nine/ and the two official lists

The split is the corpus's own: `validation_list.txt` and `testing_list.txt`, which keep every speaker in one split.
"""

from collections.abc import Iterator
from pathlib import Path

from audiodiff.data.download import Archive, unpacked
from audiodiff.data.recipe import CorpusRecording, audio_files, need, run
from audiodiff.data.splits import Split

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ARCHIVE = Archive(
    "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
)


def download(target: Path, _: list[str]) -> Path:
    """Download all of Speech Commands (2.3 GB) below `target` unless it is there; return its folder."""
    return unpacked(ARCHIVE, target / "speech_commands_v0.02")


def official(corpus: Path, name: str) -> set[str]:
    """The recordings that an official list names, as word/file without the suffix."""
    lines = need(corpus / name, "zero/ to nine/, validation_list.txt and testing_list.txt").read_text().split()
    return {line.removesuffix(".wav") for line in lines}


def recordings(corpus: Path) -> Iterator[CorpusRecording]:
    """Every recording of a digit; the speaker is the hash that the file's name begins with."""
    valid, test = official(corpus, "validation_list.txt"), official(corpus, "testing_list.txt")
    for word in DIGITS:
        for path in audio_files(corpus / word):
            name = f"{word}/{path.stem}"
            split: Split = "test" if name in test else "valid" if name in valid else "train"
            speaker = path.stem.split("_nohash_")[0]
            yield CorpusRecording(id=f"{word}_{path.stem}", path=path, split=split, speaker=speaker, text=word)


if __name__ == "__main__":
    run("sc09", download, recordings, __doc__)
