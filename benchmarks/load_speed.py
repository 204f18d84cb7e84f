"""Time to load a voice for a mel convention, and its real-time factor, in processes of their own.

    python benchmarks/load_speed.py RECORDING [--model universal] [--mels hifigan_22k,espnet_24k] [--threads 2]

Loading begins when everything is imported (`benchmarks/start.py` times imports) and ends with a vocoder that can be
called. The real-time factor is that of the recording, repeated to `--seconds`; the first call is not counted. Figures
are medians over processes, conventions in turn, the first round, which fills the disk's cache, left out.
"""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

PROGRAM = """
import json, sys, time
import torch
from audiodiff import Vocoder
from audiodiff.audio import load_audio
recording, model, mel, threads, seconds, repeats = sys.argv[1:]
torch.set_num_threads(int(threads))
started, busy = time.perf_counter(), time.process_time()
vocoder = Vocoder.from_pretrained(model, mel=mel)
facts = {"load": time.perf_counter() - started, "load, CPU": time.process_time() - busy}
wave = load_audio(recording, vocoder.sample_rate)
samples = round(float(seconds) * vocoder.sample_rate)
heard = vocoder.mel(wave.repeat(-(-samples // len(wave)))[:samples])
for how in ("", ", compiled"):
    vocoder = vocoder.compile() if how else vocoder
    for steps in (1, 2):
        laps = []
        for _ in range(int(repeats) + 1):
            started = time.perf_counter()
            spoken = vocoder(heard, spec=vocoder.mel_spec, n_steps=steps)
            laps.append((time.perf_counter() - started) * vocoder.sample_rate / len(spoken))
        facts[f"RTF, {steps} steps{how}"] = sorted(laps[1:])[int(repeats) // 2]
print(json.dumps(facts))
"""


def main(
    recording: Path,
    model: str = "universal",
    mels: Annotated[str, typer.Option(help="Conventions, with commas between them.")] = "hifigan_22k,espnet_24k",
    threads: Annotated[int, typer.Option(min=1)] = 2,
    seconds: Annotated[float, typer.Option(min=1, help="Audio of one call.")] = 10,
    repeats: Annotated[int, typer.Option(min=1, help="Counted calls in a process.")] = 3,
    runs: Annotated[int, typer.Option(min=1, help="Counted processes for each convention.")] = 5,
) -> None:
    """Print one line for every convention."""
    names = mels.split(",")
    rounds = []
    for _ in range(runs + 1):
        given = {mel: [recording, model, mel, threads, seconds, repeats] for mel in names}
        said = {mel: [sys.executable, "-c", PROGRAM, *map(str, arguments)] for mel, arguments in given.items()}
        outputs = {mel: subprocess.run(command, check=True, stdout=subprocess.PIPE) for mel, command in said.items()}
        rounds.append({mel: json.loads(done.stdout) for mel, done in outputs.items()})
    columns = list(rounds[0][names[0]])
    print(f"{model}, {threads} threads, {seconds:g} s of audio, seconds and real-time factors")
    print("| convention |", " | ".join(columns), "|")
    print("|" + "---|" * (1 + len(columns)))
    for mel in names:
        print(
            f"| {mel} |", " | ".join(f"{median(found[mel][name] for found in rounds[1:]):.4f}" for name in columns), "|"
        )


if __name__ == "__main__":
    typer.run(main)
