"""Merge the manifests of several corpora and add varied copies of their recordings.

    python recipes/universal/prepare.py data/*/*.jsonl --out data/universal --copies 4
    python recipes/universal/prepare.py data/*/*.jsonl --out data/universal_few --copies 0 --longest 450

Few recordings do not make a universal voice, so each is also kept in copies of another pitch and size of vocal
tract (played faster or slower), another equalization and another loudness, some with a second recording under
them. Copies are 24-bit FLAC files below `--out`; what varies is drawn from the recording's name, so that the
same corpora give the same copies. A speaker who is heard for ten minutes needs no copies.

The recordings of manifests called `dev.jsonl` become validation data, and the first of those by a hash of their names
the development list, on which choices are made.

The recordings listed in `test.txt` beside this file and in LJSpeech's are never taken, nor is anything else that
their speakers say, nor recordings of VCTK and LibriTTS that do not say whose they are: they may be a test speaker's.
"""

import argparse
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import librosa
import numpy as np
import soundfile
from rich.progress import track
from scipy.signal import butter, sosfilt

from audiodiff.data import Utterance, read_manifest, write_manifest
from audiodiff.data.recipe import DEVELOPMENT, development

RECIPES = Path(__file__).parent.parent
TEST_IDS = frozenset(
    name for recipe in ("universal", "ljspeech") for name in (RECIPES / recipe / "test.txt").read_text().split()
)
READER = re.compile(r"(?:(?:vctk|libritts|train|test|singing_solo)-)?(p\d{3}|s5|\d+|vocadito_\d+)[-_]")
"""Whose voice an id names. LibriSpeech and LibriTTS number the same readers of LibriVox alike."""
NAMELESS = re.compile(r"(vctk|libritts)-")
"""Ids of corpora that hold test speakers; those that name no reader are not taken."""
VALID_SHARE = 0.04
ENOUGH = 600.0
"""Seconds of one speaker beyond which copies are not needed."""
SPEED = (0.8, 1.25)
GAIN_DB = (-20.0, 0.0)
"""Of the copy's peak below full scale."""
TILT_DB = (-8.0, 8.0)
"""Gain that is added above or below a corner frequency."""
MIXED = 0.15
"""The share of copies that have another recording under them, 6 to 20 dB below."""


@dataclass(frozen=True)
class Copy:
    """A recording and the number of its copy, which together decide what varies."""

    source: Utterance
    number: int

    @property
    def id(self) -> str:
        """The source's id and the number."""
        return f"{self.source.id}+{self.number}"

    def made(self, folder: Path, others: list[Utterance]) -> Utterance:
        """Write the copy unless it is there, and return its row."""
        path = folder / f"{self.id}.flac"
        if not path.exists():
            wave, rate = vary(self.source, np.random.default_rng(seed_of(self.id)), others)
            folder.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, wave, rate, subtype="PCM_24")
        info = soundfile.info(path)
        duration = round(info.frames / info.samplerate, 4)
        speaker = f"{self.source.speaker or self.source.id}+{self.number}"
        return Utterance(
            id=self.id, path=path.resolve(), duration=duration, sample_rate=info.samplerate, speaker=speaker
        )


def vary(source: Utterance, draw: np.random.Generator, others: list[Utterance]) -> tuple[np.ndarray, int]:
    """Return the varied waveform [samples] and its rate in hertz."""
    wave, rate = read(source)
    if draw.random() < MIXED:
        under, under_rate = read(others[draw.integers(len(others))])
        under = librosa.resample(under, orig_sr=under_rate, target_sr=rate)
        wave = wave + level(under, wave) * 10 ** (-draw.uniform(6, 20) / 20) * fitted(under, len(wave))
    speed = np.exp(draw.uniform(*np.log(SPEED)))
    wave = librosa.resample(wave, orig_sr=rate * speed, target_sr=rate)
    corner = np.exp(draw.uniform(np.log(300), np.log(min(6000, 0.4 * rate))))
    part = np.asarray(sosfilt(butter(1, corner, draw.choice(["lowpass", "highpass"]), fs=rate, output="sos"), wave))
    wave = wave + (10 ** (draw.uniform(*TILT_DB) / 20) - 1) * part
    return wave / max(np.abs(wave).max(), 1e-9) * 10 ** (draw.uniform(*GAIN_DB) / 20), rate


def read(utterance: Utterance) -> tuple[np.ndarray, int]:
    """Read a recording as [samples], its channels averaged."""
    wave, rate = soundfile.read(utterance.path, always_2d=True)
    return wave.mean(axis=1), rate


def level(quiet: np.ndarray, loud: np.ndarray) -> float:
    """The gain that brings one waveform to the loudness of another."""
    return float(np.sqrt(np.square(loud).mean() / max(np.square(quiet).mean(), 1e-12)))


def fitted(wave: np.ndarray, length: int) -> np.ndarray:
    """Repeat or cut a waveform to `length` samples."""
    return np.resize(wave, length)


def seed_of(name: str) -> int:
    """A number that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])


def reader(row: Utterance) -> str | None:
    """The speaker of a recording, by its manifest or else by its name."""
    return row.speaker or named_reader(row.id)


def named_reader(row_id: str) -> str | None:
    """The reader that an id names, if it does."""
    found = READER.match(row_id)
    return found[1] if found else None


TEST_READERS = frozenset(filter(None, map(named_reader, TEST_IDS)))


def may_train(row: Utterance) -> bool:
    """Check that a recording is neither a test recording nor of a test speaker, for all that is known."""
    unknown = reader(row) is None and NAMELESS.match(row.id) is not None
    return row.id not in TEST_IDS and reader(row) not in TEST_READERS and not unknown


def merged(manifests: Iterable[Path]) -> list[Utterance]:
    """All recordings of the manifests that are no test data, each once, with its speaker if that is known."""
    rows = {row.id: row for manifest in manifests for row in read_manifest(manifest)}
    return [replace(row, speaker=reader(row)) for row in rows.values() if may_train(row)]


def held_out(rows: Iterable[Utterance], manifests: Iterable[Path]) -> list[Utterance]:
    """The validation data: a share of the rows by a hash, and all that a corpus's own development list names."""
    lists = [manifest for manifest in manifests if manifest.name == "dev.jsonl"]
    named = {row.id for manifest in lists for row in read_manifest(manifest)}
    # Music and languages name no speaker; of them there is too little to hold any out.
    return [
        row for row in rows if row.id in named or (row.speaker is not None and seed_of(row.id) / 2**64 < VALID_SHARE)
    ]


def rare(rows: list[Utterance]) -> list[Utterance]:
    """The recordings of everybody who is heard for less than `ENOUGH`."""
    heard: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        heard[row.speaker or row.id] += row.duration
    return [row for row in rows if heard[row.speaker or row.id] < ENOUGH]


def shortened(rows: list[Utterance], longest: float) -> list[Utterance]:
    """The recordings, those first that come first by hash, until their speaker has been heard for `longest` seconds."""
    heard: defaultdict[str, float] = defaultdict(float)
    kept = []
    for row in sorted(rows, key=lambda row: seed_of(row.id)):
        heard[row.speaker or row.id] += row.duration
        if heard[row.speaker or row.id] <= longest:
            kept.append(row)
    return kept


def copies(train: list[Utterance], number: int, folder: Path) -> Iterator[Utterance]:
    """Yield `number` varied copies of each rare recording."""
    wanted = [Copy(source, k) for source in rare(train) for k in range(1, number + 1)]
    for copy in track(wanted, description="Copies", transient=True):
        yield copy.made(folder, train)


def main() -> None:
    """Merge, vary, and write train.jsonl, valid.jsonl and dev.jsonl."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+", help="manifests that the other recipes wrote")
    parser.add_argument("--out", type=Path, default=Path("data/universal"), help="where manifests and copies go")
    parser.add_argument("--copies", type=int, default=4, help="varied copies of each rare recording")
    parser.add_argument("--longest", type=float, default=float("inf"), help="seconds to take of one speaker")
    parser.add_argument("--dev", type=int, default=DEVELOPMENT, metavar="N", help="size of the development list")
    arguments = parser.parse_args()
    rows = merged(arguments.manifests)
    valid = held_out(rows, arguments.manifests)
    train = shortened([row for row in rows if row not in valid], arguments.longest)
    train = train + list(copies(train, arguments.copies, arguments.out / "copies"))
    write_manifest(arguments.out / "train.jsonl", train)
    write_manifest(arguments.out / "valid.jsonl", valid)
    write_manifest(arguments.out / "dev.jsonl", development(valid, (), arguments.dev))
    minutes = sum(row.duration for row in train) / 60
    print(f"{arguments.out}: {len(train)} train ({minutes:.1f} minutes), {len(valid)} valid")


if __name__ == "__main__":
    main()
