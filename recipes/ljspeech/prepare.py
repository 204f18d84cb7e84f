"""Download LJSpeech and write its manifests.

    python recipes/ljspeech/prepare.py                      # downloads to data/LJSpeech-1.1, writes data/ljspeech
    python recipes/ljspeech/prepare.py --corpus FOLDER      # a folder with wavs/ (wav or flac) and metadata.csv

The split never moves: the utterances listed in `test.txt` beside this file are test data, every other one is
assigned to training or validation by a hash of its name. The utterances listed in `dev.txt`, all of them validation
data, are those that choices are made on: iterations, steps, checkpoints. The test utterances are scored once.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from audiodiff.data.download import Archive, unpacked
from audiodiff.data.recipe import CorpusRecording, audio_file, need, run
from audiodiff.data.splits import Split, split_of

TEST_IDS = frozenset((Path(__file__).parent / "test.txt").read_text().split())
"""The 16 utterances that all scores are measured on; no model of ours has heard them."""
DEVELOPMENT_IDS = frozenset((Path(__file__).parent / "dev.txt").read_text().split())
"""32 utterances of the validation split: the 11 of the first two chapters, and 21 more by the hash of their names."""
ARCHIVE = Archive(
    "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2",
    sha256="be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5",
)


def download(target: Path, _: list[str]) -> Path:
    """Download and unpack LJSpeech-1.1 (2.6 GB) below `target` unless it is there; return its folder."""
    return unpacked(ARCHIVE, target) / "LJSpeech-1.1"


def split(utterance_id: str) -> Split:
    """The split of an utterance, by the list and by its name."""
    return "test" if utterance_id in TEST_IDS else split_of(utterance_id, valid=0.02)


def recordings(corpus: Path) -> Iterator[CorpusRecording]:
    """The recordings of metadata.csv (id|text|normalized text)."""
    with need(corpus / "metadata.csv", "metadata.csv and wavs/").open(encoding="utf-8-sig", newline="") as file:
        for row in filter(any, csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE)):
            place = corpus / "wavs" / row[0]
            path = audio_file(place) or place.with_name(f"{place.name}.wav")
            yield CorpusRecording(id=row[0], path=path, split=split(row[0]), speaker="linda_johnson", text=row[-1])


if __name__ == "__main__":
    run("ljspeech", download, recordings, __doc__, development=DEVELOPMENT_IDS)
