"""Copy-synthesis of the test recordings, group by group, in folders that a scorer can compare.

    python recipes/universal/speak.py universal --data data/*/*.jsonl --steps 0,1,2,4 -o spoken

writes `spoken/GROUP/reference/ID.wav` and `spoken/GROUP/steps-N/ID.wav`; 0 steps are the prior's mean alone. A
recording is resampled to the model's rate and its mel vocoded; both are compared at the lower of the two rates: what
a 48 kHz recording holds above half the model's rate no mel tells, and what a 22.05 kHz voice says above the 8 kHz of a
16 kHz recording is made up.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor

from audiodiff import Vocoder
from audiodiff.audio import load_audio, resample, save_audio
from audiodiff.data import Utterance, read_manifest
from audiodiff.mel import MelSpectrogram

RECIPES = Path(__file__).parent.parent
TEST_IDS = frozenset(
    name for recipe in ("universal", "ljspeech") for name in (RECIPES / recipe / "test.txt").read_text().split()
)
GROUPS = {
    "vctk": "vctk-",
    "libritts": "libritts-",
    "librispeech": "test-",
    "languages": "lang_",
    "singing": "singing_",
    "music": "music-",
    "noise": "noise-",
    "ljspeech": "LJ",
}
"""Beginnings of the ids of each group."""


def test_rows(manifests: Iterable[Path]) -> dict[str, list[Utterance]]:
    """The test recordings of every group, each once, sorted by id."""
    rows = {row.id: row for manifest in manifests for row in read_manifest(manifest) if row.id in TEST_IDS}
    return {group: [rows[name] for name in sorted(rows) if name.startswith(start)] for group, start in GROUPS.items()}


def spoken(vocoder: Vocoder, wave: Tensor, steps: list[int]) -> Iterator[tuple[int, Tensor]]:
    """Yield every number of steps and the waveform that it makes of the mel of a [samples] waveform."""
    mel = MelSpectrogram(vocoder.mel_spec)(wave[None])[0, :, : len(wave) // vocoder.mel_spec.hop_length]
    for n_steps in steps:
        if n_steps:
            yield n_steps, vocoder(mel, spec=vocoder.mel_spec, n_steps=n_steps)
        elif (mean := vocoder.model.prior.condition(mel[None]).mean) is not None:
            yield 0, mean[0]


def speak(vocoder: Vocoder, rows: list[Utterance], steps: list[int], folder: Path) -> None:
    """Write the recordings and what the vocoder makes of their mels, at the lower of their two rates."""
    own = vocoder.sample_rate
    for name in ("reference", *(f"steps-{n_steps}" for n_steps in steps)):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for row in track(rows, description=folder.name, transient=True):
        rate = min(row.sample_rate, own)
        wave = load_audio(row.path, own)
        save_audio(folder / "reference" / f"{row.id}.wav", load_audio(row.path, rate), rate, "FLOAT")
        for n_steps, made in spoken(vocoder, wave, steps):
            made = made if rate == own else resample(made, own, rate)
            save_audio(folder / f"steps-{n_steps}" / f"{row.id}.wav", made, rate, "FLOAT")


def main() -> None:
    """Speak all groups."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a bundle: its name or folder")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="manifests that hold the test recordings")
    parser.add_argument("--steps", default="0,1,2,4", help="numbers of network steps; 0: the prior's mean alone")
    parser.add_argument("-o", "--out", type=Path, default=Path("spoken"), help="where the groups' folders go")
    arguments = parser.parse_args()
    vocoder = Vocoder.from_pretrained(arguments.model)
    steps = [int(number) for number in arguments.steps.split(",")]
    with torch.inference_mode():
        for group, rows in test_rows(arguments.data).items():
            speak(vocoder, rows, steps, arguments.out / group)


if __name__ == "__main__":
    main()
