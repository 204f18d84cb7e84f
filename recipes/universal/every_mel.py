"""The universal voice through every mel convention: a table convention x metric, of recordings it has not heard.

    python recipes/universal/every_mel.py universal data/speech.jsonl data/others.jsonl --speakers p225 p226 3575
    python recipes/universal/every_mel.py universal data/speech.jsonl --invented 10

Each recording is resampled to the convention's rate, its mel is computed, and what the voice makes of it is compared
with the recording at that rate. Recordings whose own rate is below the convention's by more than 15 % are left out.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from random import Random

import torch
from prepare import reader

from audiodiff import Vocoder
from audiodiff.audio import load_audio, resample
from audiodiff.data import Utterance, read_manifest
from audiodiff.evaluation.ear import load_distillmos
from audiodiff.evaluation.scoring import Scores, score
from audiodiff.mel import CONVENTIONS, MelSpec, MelSpectrogram
from audiodiff.mel.conventions import names_of
from audiodiff.training.conventions_drawn import invent

COLUMNS = (
    "pesq",
    "log_mel",
    "mr_stft",
    "residual_crest",
    "pulse_depth_1k",
    "pulse_depth_2k",
    "pulse_depth_4k",
    "pre_echo",
    "high_periodicity",
    "voicing_f1",
)
OPINION = "distillmos"
ENOUGH_RATE = 0.85


def distinct() -> Iterator[tuple[str, MelSpec]]:
    """Every convention once, by its first name."""
    seen = set()
    for name, spec in CONVENTIONS.items():
        if names_of(spec)[0] not in seen and spec.hop_length <= spec.win_length // 2:
            seen.add(names_of(spec)[0])
            yield name, spec


def scored(vocoder: Vocoder, spec: MelSpec, row: Utterance, seconds: float, columns: tuple[str, ...]) -> Scores:
    """The metrics of one recording in one convention."""
    wave = load_audio(row.path)[: round(seconds * row.sample_rate)]
    wave = resample(wave, row.sample_rate, spec.sample_rate)
    frames = len(wave) // spec.hop_length
    wave = wave[: frames * spec.hop_length]
    mel = MelSpectrogram(spec)(wave[None])[0, :, :frames]
    made = vocoder.for_mel(spec)(mel, spec=spec, seed=0)
    judge = load_distillmos() if OPINION in columns else None
    reference, generated = wave.double().numpy(), made.double().numpy()
    return score(row.id, reference, generated, spec.sample_rate, f_max=spec.f_top, wanted=columns, judge=judge)


def main() -> None:
    """Print one line for every convention."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a voice for every mel: its name or folder")
    parser.add_argument("manifests", type=Path, nargs="+", help="manifests that hold the recordings")
    parser.add_argument("--speakers", nargs="+", help="whose recordings: one of each")
    parser.add_argument("--conventions", nargs="*", help="names; all if left out")
    parser.add_argument("--invented", type=int, default=0, help="this many invented conventions instead")
    parser.add_argument("--seconds", type=float, default=4.0, help="how much of each recording")
    parser.add_argument("--columns", nargs="+", default=list(COLUMNS))
    arguments = parser.parse_args()
    vocoder, columns = Vocoder.from_pretrained(arguments.model), tuple(arguments.columns)
    rows = {reader(row) or row.id: row for manifest in arguments.manifests for row in read_manifest(manifest)}
    rows = [rows[name] for name in arguments.speakers or rows if name in rows]
    chance = Random(1)
    specs = dict(distinct())
    if arguments.conventions:
        specs = {name: CONVENTIONS[name] for name in arguments.conventions}
    if arguments.invented:
        specs = {f"invented {number}": invent(chance) for number in range(arguments.invented)}
    print("| convention | rate | hop | bands | clips |", " | ".join(columns), "|")
    print("|---|" * (5 + len(columns)))
    for name, spec in specs.items():
        able = [row for row in rows if row.sample_rate >= ENOUGH_RATE * spec.sample_rate]
        found = [scored(vocoder, spec, row, arguments.seconds, columns).values for row in able]
        means = [torch.tensor([one[c] for one in found if c in one]).double().mean().item() for c in columns]
        facts = f"{spec.sample_rate} | {spec.hop_length} | {spec.n_mels} | {len(able)}"
        print(f"| {name} | {facts} |", " | ".join(f"{mean:.3f}" for mean in means), "|", flush=True)


if __name__ == "__main__":
    main()
