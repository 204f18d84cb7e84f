"""Pre-echo at the lag of the ear's alignment, and at none: a voice's pulses are not the recording's.

    audiodiff evaluate --model MODEL --data data/ljspeech/test.jsonl -o REPORT
    python benchmarks/pre_echo_lag.py data/ljspeech/test.jsonl REPORT/audio/MODEL-2

The alignment looks for the lag at which pulses fit best, and they lie where the voice's own f0 put them. A vocoder
that keeps its mel's time has a lag of 0.
"""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from audiodiff.audio import audio_sample_rate, load_audio
from audiodiff.evaluation.ear.onsets import pre_echo
from audiodiff.evaluation.ear.pulse_alignment import moved_onto
from audiodiff.evaluation.waveform import Signal, rms


def main(
    manifest: Annotated[Path, typer.Argument(help="of the recordings, a JSON object with id and path in every line")],
    generated: Annotated[Path, typer.Argument(help="a folder with ID.wav, as `audiodiff evaluate` leaves them")],
) -> None:
    """Print both figures in dB, utterance by utterance and their means."""
    rows: list[tuple[float, float]] = []
    for line in manifest.read_text().splitlines():
        row = json.loads(line)
        both = of_one(manifest.parent / row["path"], generated / f"{row['id']}.wav")
        if both is not None:
            rows.append(both)
            typer.echo(f"{row['id']}  aligned {both[0]:+.1f}  at no lag {both[1]:+.1f}")
    means = np.mean(rows, axis=0)
    typer.echo(f"mean of {len(rows)}  aligned {means[0]:+.1f}  at no lag {means[1]:+.1f}")


def of_one(recording: Path, spoken: Path) -> tuple[float, float] | None:
    """Pre-echo with the ear's alignment and without; None where the recording has no burst."""
    rate = audio_sample_rate(spoken)
    theirs, ours = (load_audio(path, rate).numpy().astype(np.float64) for path in (recording, spoken))
    samples = min(len(theirs), len(ours))
    theirs, ours = theirs[:samples], ours[:samples]
    aligned, in_place = (measured(theirs, x, rate) for x in (moved_onto(theirs, ours, rate), ours))
    return None if aligned is None or in_place is None else (aligned, in_place)


def measured(theirs: Signal, ours: Signal, rate: int) -> float | None:
    """Pre-echo at equal levels."""
    value = pre_echo(theirs, ours * (rms(theirs) / rms(ours)), rate)
    return None if isinstance(value, str) else value


if __name__ == "__main__":
    typer.run(main)
