"""Download LJSpeech and write its manifests.

    python recipes/ljspeech/prepare.py                      # downloads to data/LJSpeech-1.1, writes data/ljspeech
    python recipes/ljspeech/prepare.py --corpus FOLDER      # a folder with wavs/ (wav or flac) and metadata.csv

The split never moves: the utterances listed in `test.txt` beside this file are test data, every other one is
assigned to training or validation by a hash of its name.
"""

import argparse
import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import soundfile

from audiodiff.data import Utterance, write_manifest
from audiodiff.errors import InputError

SPLITS = ("train", "valid", "test")
TEST_IDS = frozenset((Path(__file__).parent / "test.txt").read_text().split())
"""The 16 utterances that all scores are measured on; no model of ours has heard them."""


def download(target: Path) -> Path:
    """Download and unpack LJSpeech-1.1 (2.6 GB) below `target` unless it is there; return its folder.

    torchaudio resumes nothing but checks the archive's hash.
    """
    corpus = target / "LJSpeech-1.1"
    if not (corpus / "metadata.csv").is_file():
        from torchaudio.datasets import LJSPEECH  # downloads only: torchaudio may not import here at all

        target.mkdir(parents=True, exist_ok=True)
        LJSPEECH(target, download=True)
    return corpus


def split_of(utterance_id: str) -> str:
    """Assign an utterance to a split by its name, so that the split depends on neither order nor seed."""
    u = int.from_bytes(hashlib.sha256(utterance_id.encode()).digest()[:8]) / 2**64
    return "test" if utterance_id in TEST_IDS else "valid" if u < 0.02 else "train"


def prepare(corpus: Path, out: Path) -> dict[str, int]:
    """Write train, valid and test manifests for a folder in LJSpeech's layout; return how long each list is."""
    if not (corpus / "metadata.csv").is_file():
        raise InputError(f"{corpus} has no metadata.csv: give the folder that holds it and wavs/")
    splits: dict[str, list[Utterance]] = {split: [] for split in SPLITS}
    for utterance in utterances(corpus):
        splits[split_of(utterance.id)].append(utterance)
    for split, members in splits.items():
        write_manifest(out / f"{split}.jsonl", members)
    return {split: len(members) for split, members in splits.items()}


def utterances(corpus: Path) -> Iterator[Utterance]:
    """Yield the recordings of metadata.csv (id|text|normalized text) that are there as wav or flac."""
    with (corpus / "metadata.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE):
            found = [corpus / "wavs" / f"{row[0]}{suffix}" for suffix in (".wav", ".flac")]
            for path in filter(Path.is_file, found):
                info = soundfile.info(path)
                yield Utterance(
                    id=row[0],
                    path=path.resolve(),
                    duration=round(info.frames / info.samplerate, 4),
                    sample_rate=info.samplerate,
                    speaker="linda_johnson",
                    text=row[-1],
                )
                break


def main() -> None:
    """Download unless `--corpus` names a folder, then prepare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="a folder in LJSpeech's layout; without it LJSpeech is downloaded")
    parser.add_argument("--out", type=Path, default=Path("data/ljspeech"), help="where the manifests go")
    arguments = parser.parse_args()
    corpus = arguments.corpus or download(Path("data"))
    counts = prepare(corpus, arguments.out)
    print(f"{arguments.out}: " + ", ".join(f"{n} {split}" for split, n in counts.items()))


if __name__ == "__main__":
    main()
