"""Cost of streaming: speed and latency beside the whole run, and memory and time by length.

python benchmarks/streaming.py                      # the default voice, 1 and 10 minutes
python benchmarks/streaming.py --minutes 1,10,60 --steps 1 --model FOLDER

Speech of any length is one clip's mel, over and over. Run it with nothing beside it; times are wall clock.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from audiodiff import Vocoder, load_audio
from audiodiff.bulk.long_mels import open_long, vocode_long
from audiodiff.bundle.location import DEFAULT_VOICE
from audiodiff.mel import MelSpectrogram

CLIP = Path(__file__).resolve().parents[1] / "tests" / "clips" / "LJ001-0002.flac"
CHUNKS = (8, 32, 128, 512)


def mel_of(vocoder: Vocoder, frames: int) -> torch.Tensor:
    """The clip's mel, over and over, [n_mels, frames]."""
    mel = MelSpectrogram(vocoder.mel_spec)(load_audio(CLIP, vocoder.sample_rate).unsqueeze(0))[0]
    return mel.repeat(1, -(-frames // mel.shape[1]))[:, :frames]


def compare(vocoder: Vocoder, steps: int, frames: int) -> list[tuple[str, ...]]:
    """Rows of: chunk, RTF, algorithmic latency, seconds of computing before the first sample, difference."""
    mel, spec, rate = mel_of(vocoder, frames), vocoder.mel_spec, vocoder.sample_rate
    duration = frames * spec.hop_length / rate
    for _ in range(2):  # the first has what only a first call of that length does
        started = time.perf_counter()
        whole = vocoder(mel, spec=spec, n_steps=steps, seed=0)
        elapsed = time.perf_counter() - started
    rows = [("whole", f"{elapsed / duration:.3f}", f"{duration:.2f}", f"{elapsed:.2f}", "")]
    for chunk in CHUNKS:
        stream, waves, first = vocoder.stream(spec=spec, n_steps=steps, seed=0), [], None
        started = time.perf_counter()
        for piece in mel.split(chunk, dim=1):
            waves.append(stream.feed(piece))
            first = time.perf_counter() - started if first is None and len(waves[-1]) else first
        waves.append(stream.flush())
        elapsed = time.perf_counter() - started
        difference = (torch.cat(waves) - whole).abs().max().item()
        latency = stream.latency / rate
        rows.append((str(chunk), f"{elapsed / duration:.3f}", f"{latency:.2f}", f"{first:.2f}", f"{difference:.0e}"))
    return rows


def measure(model: str, steps: int, source: Path) -> dict[str, float]:
    """Vocode a mel file to a wav file in this process; the peak of its memory and the seconds that it computed."""
    vocoder = Vocoder.from_pretrained(model)
    mel = open_long(source, vocoder.mel_spec, vocoder.mel_spec.n_mels, transposed=False)
    assert mel is not None
    started = time.process_time()
    vocode_long(vocoder, mel, source.with_suffix(".wav"), {"n_steps": steps}, comment="", advance=lambda share: None)
    seconds = time.process_time() - started
    return {"peak_mib": peak_memory(), "cpu_seconds": seconds}


def peak_memory() -> float:
    """In MiB, of this program alone; getrusage also counts what the parent held when it started this process."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def in_a_process(vocoder: Vocoder, model: str, steps: int, minutes: float) -> dict[str, float]:
    """`measure` in a process of its own, so that the peak is its own."""
    frames = int(minutes * 60 * vocoder.mel_spec.frame_rate)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "mel.npy"
        np.save(source, mel_of(vocoder, frames).numpy())
        command = [sys.executable, __file__, "--model", model, "--steps", str(steps), "--measure", str(source)]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_VOICE)
    parser.add_argument("--steps", type=int, help="network steps; without it the model's own number")
    parser.add_argument("--frames", type=int, default=860, help="length of the comparison")
    parser.add_argument("--minutes", default="1,10", help="lengths whose memory is measured")
    parser.add_argument("--compile", action="store_true", help="have the networks compiled, for the comparison")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    wishes = parser.parse_args()
    if wishes.measure is not None:
        print(json.dumps(measure(wishes.model, wishes.steps, wishes.measure)))
        return
    vocoder = Vocoder.from_pretrained(wishes.model)
    vocoder = vocoder.compile() if wishes.compile else vocoder
    steps = wishes.steps or vocoder.n_steps
    vocoder(mel_of(vocoder, 16), spec=vocoder.mel_spec)  # whatever only a first call does
    print(f"{vocoder.name}, {steps} steps, {wishes.frames} frames, {torch.get_num_threads()} threads\n")
    print("| frames at a time | RTF | algorithmic latency, s | computing before the first sample, s | difference |")
    print("|---|---|---|---|---|")
    for row in compare(vocoder, steps, wishes.frames):
        print(f"| {' | '.join(row)} |")
    print("\n| minutes, file to file | peak memory, MiB | CPU seconds | per minute |\n|---|---|---|---|")
    for minutes in map(float, filter(None, wishes.minutes.split(","))):
        found = in_a_process(vocoder, wishes.model, steps, minutes)
        seconds = found["cpu_seconds"]
        print(f"| {minutes:g} | {found['peak_mib']:.0f} | {seconds:.1f} | {seconds / minutes:.2f} |", flush=True)


if __name__ == "__main__":
    main()
