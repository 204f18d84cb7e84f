"""Analyse recordings for a voice that speaks every mel: closures, f0, and phases brought to one canonical source.

    python recipes/universal/analyse.py data/*/train.jsonl data/speech.jsonl --out data/analysed

Each recording becomes OUT/ID.safetensors (`audiodiff.training.analysed`), and OUT/train.jsonl lists those that may be
trained on. Recordings of test.txt, and of speakers held out in speakers.txt, are never taken (see prepare.py), nor
polyphonic music: what a pitch tracker says of chords is a pitch far below all of their notes.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch
from prepare import may_train, reader
from rich.progress import track

from audiodiff import Vocoder
from audiodiff.audio import load_audio
from audiodiff.data import Utterance, read_manifest, write_manifest
from audiodiff.models import DiffusionModel
from audiodiff.training.analysed import analyse

HELD_OUT = frozenset((Path(__file__).parent / "speakers.txt").read_text().split())
"""Speakers on whom choices are made, and those of the final table."""

POLYPHONIC = frozenset({"music-hungarian_dance_a", "singing_music-lets_go_fishin_a"})


@cache
def reference(name: str) -> DiffusionModel:
    """The voice whose filter says how a recording would be in phase."""
    torch.set_num_threads(1)
    return Vocoder.from_pretrained(name).model


def analysed(row: Utterance, out: Path, name: str) -> Utterance:
    """Write one recording unless it is there; return its row."""
    path = out / f"{row.id}.safetensors"
    if not path.exists():
        analyse(load_audio(row.path), row.sample_rate, reference(name)).save(path)
    return replace(row, path=path.resolve(), speaker=reader(row) or row.id, text=None)


def main() -> None:
    """Analyse all recordings of the manifests by several processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+", help="manifests that the other recipes wrote")
    parser.add_argument("--out", type=Path, default=Path("data/analysed"), help="where results and manifest go")
    parser.add_argument("--reference", default="ljspeech-fast", help="the voice whose phases are the canonical ones")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    rows = {row.id: row for manifest in arguments.manifests for row in read_manifest(manifest)}
    wanted = [
        row for row in rows.values() if may_train(row) and reader(row) not in HELD_OUT and row.id not in POLYPHONIC
    ]
    work = partial(analysed, out=arguments.out, name=arguments.reference)
    with ProcessPoolExecutor(arguments.processes) as pool:
        done = list(track(pool.map(work, wanted), total=len(wanted), description="Analysis", transient=True))
    write_manifest(arguments.out / "train.jsonl", done)
    minutes = sum(row.duration for row in done) / 60
    print(f"{arguments.out}: {len(done)} recordings, {minutes:.1f} minutes, {len({r.speaker for r in done})} speakers")


if __name__ == "__main__":
    main()
