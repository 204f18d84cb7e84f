"""Write copies of the training clips at other pitches and speeds, for the source network to learn f0 from.

    python recipes/ljspeech/copies.py data/ljspeech --out data/ljspeech_copies

One speaker's f0 hardly ever stands alone: what the network can tell from her formants it will not look for in the
harmonics. Of every clip there is a copy at the same pitch that begins elsewhere in a frame, some are played faster or
slower, and in the others f0 alone is moved (`audiodiff.source.pitch_shift`). What varies is drawn from the clip's name.
Validation data stay as they are.
"""

import argparse
import hashlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import torch
from rich.progress import track

from audiodiff.audio import load_audio, resample
from audiodiff.data import Utterance, read_manifest, write_manifest
from audiodiff.source.closure_pitch import track_f0
from audiodiff.source.glottis import find_closures
from audiodiff.source.pitch_shift import shift_pitch

KINDS = ("moved", "faster", "faster", "shifted", "shifted", "shifted")
SPEED = 0.16
"""Nepers up or down, at most."""
PITCH = 0.3
"""The same of f0 alone."""
MOVED = 0.012
"""Seconds that are left out of the beginning, at most."""


def copied(row: Utterance, out: Path) -> list[Utterance]:
    """Write the copies of one clip unless they are there; return the rows of all."""
    torch.set_num_threads(1)
    names = [f"{row.id}+{number}" for number in range(1, len(KINDS) + 1)]
    paths = [(out / f"{name}.flac").resolve() for name in names]
    if not all(path.exists() for path in paths):
        wave = load_audio(row.path)
        glottis = find_closures(wave.double().numpy(), row.sample_rate)
        f0 = track_f0(glottis, glottis.instants / row.sample_rate, nearest=True)
        instants, f0 = torch.from_numpy(glottis.instants[f0 > 0]), torch.from_numpy(f0[f0 > 0])
        for name, kind, path in zip(names, KINDS, paths, strict=True):
            draw = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))
            made = wave[int(draw.uniform(0, MOVED) * row.sample_rate) :]
            if kind == "faster":
                made = resample(made, round(row.sample_rate * np.exp(draw.uniform(-SPEED, SPEED))), row.sample_rate)
            if kind == "shifted":
                factor = float(np.exp(draw.uniform(-PITCH, PITCH)))
                made, _ = shift_pitch(wave, instants, f0, factor, row.sample_rate)
            made = made / max(1.0, float(made.abs().max()))
            soundfile.write(path, made.numpy(), row.sample_rate, subtype="PCM_16")
    lengths = [soundfile.info(path).frames / row.sample_rate for path in paths]
    return [row] + [
        replace(row, id=name, path=path, duration=round(length, 4), text=None)
        for name, path, length in zip(names, paths, lengths, strict=True)
    ]


def main() -> None:
    """Copy the training clips of a folder of manifests by several processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="that recipes/ljspeech/prepare.py wrote")
    parser.add_argument("--out", type=Path, default=Path("data/ljspeech_copies"), help="where copies and manifests go")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = list(read_manifest(arguments.folder / "train.jsonl"))
    with ProcessPoolExecutor(arguments.processes) as pool:
        work = pool.map(partial(copied, out=arguments.out), rows)
        train = [row for group in track(work, total=len(rows), description="Copies", transient=True) for row in group]
    write_manifest(arguments.out / "train.jsonl", train)
    write_manifest(arguments.out / "valid.jsonl", list(read_manifest(arguments.folder / "valid.jsonl")))
    print(f"{arguments.out}: {len(train)} recordings, {sum(row.duration for row in train) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
