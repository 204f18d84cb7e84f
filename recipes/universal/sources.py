"""Write the manifest of a folder whose SOURCES.tsv says which speaker each of its files is of.

    python recipes/universal/sources.py FOLDER --out data/speech.jsonl

The table is tab-separated, with a first line of names; `file`, relative to the folder, and `speaker` are looked at.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

from audiodiff.data import Utterance, write_manifest
from audiodiff.data.recipe import CorpusRecording, describe
from audiodiff.errors import InputError


def utterances(folder: Path) -> Iterator[Utterance]:
    """Every file of the table; its id is its path with dashes."""
    table = folder / "SOURCES.tsv"
    if not table.is_file():
        raise InputError(f"{table} does not exist: it says which speaker each file is of")
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            path = folder / row["file"]
            name = "-".join(Path(row["file"]).with_suffix("").parts)
            yield describe(CorpusRecording(id=name, path=path, split="train", speaker=row["speaker"]))


def main() -> None:
    """Write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder that holds SOURCES.tsv")
    parser.add_argument("--out", type=Path, default=Path("data/speech.jsonl"), help="where the manifest goes")
    arguments = parser.parse_args()
    rows = list(utterances(arguments.folder))
    write_manifest(arguments.out, rows)
    print(f"{arguments.out}: {len(rows)} recordings, {len({row.speaker for row in rows})} speakers")


if __name__ == "__main__":
    main()
