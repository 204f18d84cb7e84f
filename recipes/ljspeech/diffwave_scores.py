"""What is scored in DIFFWAVE.md beside `audiodiff evaluate`: short clips, and a prior's mean without any diffusion.

python recipes/ljspeech/diffwave_scores.py cut data/ljspeech/test.jsonl runs/clips --seconds 3 --limit 4
python recipes/ljspeech/diffwave_scores.py mean MODEL runs/clips runs/means
audiodiff evaluate runs/means runs/clips -o runs/report
"""

import argparse
from pathlib import Path

import torch

from audiodiff import Vocoder
from audiodiff.audio import MelSpectrogram, load_audio, save_audio
from audiodiff.evaluation.pairs import recordings_in


def cut(data: Path, target: Path, seconds: float, limit: int | None) -> None:
    """Write the beginnings of the first recordings as 16-bit wav files."""
    for name, path in list(recordings_in(data).items())[:limit]:
        wave = load_audio(path, 22050)
        save_audio(target / f"{name}.wav", wave[: round(22050 * seconds)], 22050)


@torch.no_grad()
def speak_means(model: str, data: Path, target: Path) -> None:
    """Write the mean of the model's prior for the mel of every recording."""
    vocoder = Vocoder.from_pretrained(model)
    front_end = MelSpectrogram(vocoder.mel_spec)
    for name, path in recordings_in(data).items():
        wave = load_audio(path, vocoder.sample_rate)
        mel = front_end(wave[None])[..., : len(wave) // vocoder.mel_spec.hop_length]
        save_audio(target / f"{name}.wav", vocoder.model.prior.condition(mel).need_mean()[0], vocoder.sample_rate)


def main() -> None:
    """Read the command line and do one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("cut", "mean"):
        command = commands.add_parser(name)
        if name == "mean":
            command.add_argument("model")
        command.add_argument("data", type=Path)
        command.add_argument("target", type=Path)
    commands.choices["cut"].add_argument("--seconds", type=float, default=3.0)
    commands.choices["cut"].add_argument("--limit", type=int)
    asked = parser.parse_args()
    asked.target.mkdir(parents=True, exist_ok=True)
    if asked.command == "cut":
        cut(asked.data, asked.target, asked.seconds, asked.limit)
    else:
        speak_means(asked.model, asked.data, asked.target)


if __name__ == "__main__":
    main()
