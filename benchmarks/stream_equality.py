"""The largest difference between a stream and the whole of one mel, clip by clip.

    python benchmarks/stream_equality.py data/ljspeech/test.jsonl [--model ljspeech-fast] [--mel CONVENTION] [--compile]

Every mel is fed in pieces of `--pieces` frames, once for each of these numbers. One thread: with more, torch itself
gives other last bits.
"""

from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from audiodiff import Vocoder, load_audio
from audiodiff.bundle.location import DEFAULT_VOICE
from audiodiff.data import read_manifest


def main(
    manifest: Annotated[Path, typer.Argument(help="of the recordings, a JSON object with id and path in every line")],
    model: str = DEFAULT_VOICE,
    mel: Annotated[str | None, typer.Option(help="the convention, of a voice that takes every mel")] = None,
    pieces: Annotated[str, typer.Option(help="frames fed at a time, several after commas")] = "7,40,173",
    seconds: Annotated[float, typer.Option(help="of each recording, from its beginning")] = 8.0,
    clips: Annotated[int, typer.Option(help="the first so many of the manifest")] = 16,
    compile: Annotated[bool, typer.Option("--compile", help="networks in C")] = False,
) -> None:
    """Print the largest difference for every clip and number of frames, and how many clips lie above 1e-5."""
    torch.set_num_threads(1)
    vocoder = Vocoder.from_pretrained(model, mel=mel)
    vocoder = vocoder.compile() if compile else vocoder
    largest = []
    for row in read_manifest(manifest)[:clips]:
        recording = load_audio(row.path, vocoder.sample_rate)[: round(seconds * vocoder.sample_rate)]
        heard = vocoder.mel(recording)
        whole = vocoder(heard, spec=vocoder.mel_spec, seed=0)
        off = [difference(vocoder, heard, whole, int(size)) for size in pieces.split(",")]
        largest.append(max(off))
        typer.echo(f"{row.id}  " + "  ".join(f"{value:.1e}" for value in off))
    above = sum(value > 1e-5 for value in largest)
    typer.echo(f"largest of {len(largest)} clips {max(largest):.1e}, above 1e-5 in {above}")


def difference(vocoder: Vocoder, mel: Tensor, whole: Tensor, size: int) -> float:
    """The largest difference of samples, a stream fed `size` frames at a time against the whole."""
    stream = vocoder.stream(seed=0)
    waves = [stream.feed(piece) for piece in mel.split(size, dim=1)]
    return (torch.cat([*waves, stream.flush()]) - whole).abs().max().item()


if __name__ == "__main__":
    typer.run(main)
