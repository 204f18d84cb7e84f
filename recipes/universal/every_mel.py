"""The universal voice through every mel convention: a table convention x metric, of recordings it has not heard.

    python recipes/universal/every_mel.py universal data/speech.jsonl data/others.jsonl --speakers p225 p226 3575
    python recipes/universal/every_mel.py universal data/speech.jsonl --invented 10

Each recording is resampled to the convention's rate, its mel is computed, and what the voice makes of it is compared
with the recording at that rate. Recordings whose own rate is below the convention's by more than 15 % are left out.

A mel hardly says where in a period a pulse lies, and PESQ of a low voice moves by some tenths with it. With
`--beginnings N` each recording is taken N times, a few milliseconds later each time, and the scores are averaged.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import fmean

from prepare import reader

from audiodiff import Vocoder
from audiodiff.audio import load_audio, resample
from audiodiff.data import Utterance, read_manifest
from audiodiff.evaluation.ear import HEARD, load_distillmos
from audiodiff.evaluation.scoring import Scores, score
from audiodiff.mel import CONVENTIONS, MelSpec, MelSpectrogram
from audiodiff.mel.conventions import names_of
from audiodiff.training.conventions_drawn import invent
from audiodiff.types import Hertz, OneWave, Seconds

COLUMNS = ("pesq", "log_mel", "mr_stft", *HEARD)
OPINION = "distillmos"
ENOUGH_RATE = 0.85
LATER: Seconds = 0.0031
"""By which a recording begins later each time: a part of any voice's period."""


def distinct() -> Iterator[tuple[str, MelSpec]]:
    """Every convention once, by its first name."""
    seen = set()
    for name, spec in CONVENTIONS.items():
        if names_of(spec)[0] not in seen and spec.hop_length <= spec.win_length // 2:
            seen.add(names_of(spec)[0])
            yield name, spec


def beginning(row: Utterance, seconds: Seconds, rate: Hertz, late: Seconds = 0.0) -> OneWave:
    """The first seconds of a recording at another rate, or those that begin so many seconds `late`."""
    first, last = (round(time * row.sample_rate) for time in (late, late + seconds))
    return resample(load_audio(row.path)[first:last], row.sample_rate, rate)


def vocoded(vocoder: Vocoder, spec: MelSpec, wave: OneWave) -> tuple[OneWave, OneWave]:
    """The whole hops of a waveform at the convention's rate, and what the voice makes of their mel."""
    frames = len(wave) // spec.hop_length
    wave = wave[: frames * spec.hop_length]
    mel = MelSpectrogram(spec)(wave[None])[0, :, :frames]
    return wave, vocoder.for_mel(spec)(mel, spec=spec, seed=0)


def scored(vocoder: Vocoder, spec: MelSpec, name: str, wave: OneWave, columns: tuple[str, ...]) -> Scores:
    """The metrics of one waveform in one convention."""
    judge = load_distillmos() if OPINION in columns else None
    reference, generated = (x.double().numpy() for x in vocoded(vocoder, spec, wave))
    return score(name, reference, generated, spec.sample_rate, f_max=spec.f_top, wanted=columns, judge=judge)


def means(found: list[Scores], columns: tuple[str, ...]) -> str:
    """The cells of a row; a dash where no recording has a number."""
    values = [[one.values[name] for one in found if name in one.values] for name in columns]
    return " | ".join(f"{fmean(column):.3f}" if column else "-" for column in values)


def speakers(manifests: list[Path], wanted: list[str] | None = None) -> list[Utterance]:
    """One recording of each speaker of the manifests, or of the speakers and recordings that are named."""
    rows = [row for manifest in manifests for row in read_manifest(manifest)]
    by_speaker = {reader(row) or row.id: row for row in rows}
    known = {row.id: row for row in rows} | by_speaker
    return [known[name] for name in wanted or by_speaker if name in known]


def main() -> None:
    """Print one line for every convention."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a voice for every mel: its name or folder")
    parser.add_argument("manifests", type=Path, nargs="+", help="manifests that hold the recordings")
    parser.add_argument("--speakers", nargs="+", help="whose recordings: one of each")
    parser.add_argument("--conventions", nargs="*", help="names; all if left out")
    parser.add_argument("--invented", type=int, default=0, help="this many invented conventions instead")
    parser.add_argument("--seconds", type=float, default=4.0, help="how much of each recording")
    parser.add_argument("--beginnings", type=int, default=1, help="how often each, some milliseconds later each time")
    parser.add_argument("--columns", nargs="+", default=list(COLUMNS))
    arguments = parser.parse_args()
    vocoder, columns = Vocoder.from_pretrained(arguments.model), tuple(arguments.columns)
    rows = speakers(arguments.manifests, arguments.speakers)
    chance = Random(1)
    specs = dict(distinct())
    if arguments.conventions:
        specs = {name: CONVENTIONS[name] for name in arguments.conventions}
    if arguments.invented:
        specs = {f"invented {number}": invent(chance) for number in range(arguments.invented)}
    print("| convention | rate | hop | bands | clips |", " | ".join(columns), "|")
    print("|" + "---|" * (5 + len(columns)))
    for name, spec in specs.items():
        able = [row for row in rows if row.sample_rate >= ENOUGH_RATE * spec.sample_rate]
        found = [
            scored(vocoder, spec, row.id, beginning(row, arguments.seconds, spec.sample_rate, k * LATER), columns)
            for row in able
            for k in range(arguments.beginnings)
        ]
        facts = f"{spec.sample_rate} | {spec.hop_length} | {spec.n_mels} | {len(able)}"
        print(f"| {name} | {facts} |", means(found, columns), "|", flush=True)


if __name__ == "__main__":
    main()
