"""Distance of two seeds: a diffusion's noise belongs where speech is noise-like, not where it is voiced.

    python benchmarks/seeds.py data/ljspeech/test.jsonl [--model ljspeech-fast] [--mel CONVENTION] [--steps 2]

The energy of the difference of two waveforms of one mel, in dB of the energy of one of them, over the voiced frames
and over the others. Two independent noises of one level are 3 dB apart. Voicing is the voice's own; frames 40 dB below
the loudest are neither.
"""

from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from audiodiff import Vocoder, load_audio
from audiodiff.bundle.location import DEFAULT_VOICE
from audiodiff.data import read_manifest

SILENCE_DB = -40.0


def main(
    manifest: Annotated[Path, typer.Argument(help="of the recordings, a JSON object with id and path in every line")],
    model: str = DEFAULT_VOICE,
    mel: Annotated[str | None, typer.Option(help="the convention, of a voice that takes every mel")] = None,
    steps: Annotated[int | None, typer.Option(help="of the sampler; the voice's own number without it")] = None,
    clips: Annotated[int, typer.Option(help="the first so many of the manifest")] = 16,
) -> None:
    """Print both figures, utterance by utterance and of all their frames together."""
    vocoder = Vocoder.from_pretrained(model, mel=mel)
    total = torch.zeros(2, 2, dtype=torch.float64)
    for row in read_manifest(manifest)[:clips]:
        energies = apart(vocoder, load_audio(row.path, vocoder.sample_rate), steps)
        total += energies
        typer.echo(f"{row.id}  {in_words(energies)}")
    typer.echo(f"all together  {in_words(total)}")


def apart(vocoder: Vocoder, recording: Tensor, steps: int | None) -> Tensor:
    """Energies [2, 2]: of the difference of two seeds and of one of them, in voiced frames and in the others."""
    mel = vocoder.mel(recording)
    one, other = (vocoder(mel, spec=vocoder.mel_spec, n_steps=steps, seed=seed) for seed in (0, 1))
    by_frame = torch.stack([one - other, one]).double().square().unflatten(-1, (-1, vocoder.hop_length)).sum(-1)
    voiced = vocoder.pitch(mel, spec=vocoder.mel_spec) > 0
    heard = by_frame[1] > by_frame[1].max() * 10 ** (SILENCE_DB / 10)
    return torch.stack([by_frame[:, heard & chosen].sum(-1) for chosen in (voiced, ~voiced)], dim=1)


def in_words(energies: Tensor) -> str:
    """The two ratios in dB."""
    voiced, others = (10 * (energies[0] / energies[1]).log10()).tolist()
    return f"voiced {voiced:+.1f} dB  not voiced {others:+.1f} dB"


if __name__ == "__main__":
    typer.run(main)
