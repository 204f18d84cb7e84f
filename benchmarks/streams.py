"""The cost of live streams side by side: memory that each adds, and how many one thread keeps up with.

    python benchmarks/streams.py [--streams 1,16,64] [--model ljspeech-fast] [--steps 1] [--chunk 8] [--compile]

All streams of a row are fed in turn, a chunk of the clip's mel at a time, for two seconds of speech each. Memory is
what the process holds more with all of them under way than before the first was opened, divided by their number; it
hardly depends on what else runs. Times do: run it with nothing beside it. One thread.
"""

import argparse
import gc
import time
from pathlib import Path

import torch

from audiodiff import Vocoder, load_audio
from audiodiff.bundle.location import DEFAULT_VOICE

CLIP = Path(__file__).resolve().parents[1] / "tests" / "clips" / "LJ001-0002.flac"


def resident() -> float:
    """MiB that this process holds now."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def fed(vocoder: Vocoder, count: int, steps: int, pieces: list[torch.Tensor]) -> tuple[float, float, float]:
    """MiB a stream; seconds of computing for a second of speech; the longest wait for one round of all, in seconds."""
    gc.collect()
    before, longest = resident(), 0.0
    streams = [vocoder.stream(seed=seed, n_steps=steps) for seed in range(count)]
    started = time.perf_counter()
    for piece in pieces:
        begun = time.perf_counter()
        for stream in streams:
            stream.feed(piece)
        longest = max(longest, time.perf_counter() - begun)
    elapsed = time.perf_counter() - started
    duration = sum(piece.shape[1] for piece in pieces) / vocoder.mel_spec.frame_rate
    return (resident() - before) / count, elapsed / (count * duration), longest


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_VOICE)
    parser.add_argument("--streams", default="1,16,64")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--chunk", type=int, default=8, help="frames at a time")
    parser.add_argument("--compile", action="store_true", help="have the networks compiled")
    wishes = parser.parse_args()
    torch.set_num_threads(1)
    vocoder = Vocoder.from_pretrained(wishes.model)
    vocoder = vocoder.compile() if wishes.compile else vocoder
    mel = vocoder.mel(load_audio(CLIP, vocoder.sample_rate), vocoder.sample_rate)
    pieces = [*mel.split(wishes.chunk, dim=1)]
    fed(vocoder, 1, wishes.steps, pieces)  # fills caches that all streams share
    print(f"{vocoder.name}, {wishes.steps} steps, {wishes.chunk} frames at a time; {resident():.0f} MiB alone\n")
    print("| streams | MiB each | seconds a second of speech | streams that keep up | longest round, s |")
    print("|---|---|---|---|---|")
    for count in map(int, wishes.streams.split(",")):
        memory, factor, longest = fed(vocoder, count, wishes.steps, pieces)
        print(f"| {count} | {memory:.1f} | {factor:.3f} | {int(1 / factor)} | {longest:.2f} |", flush=True)


if __name__ == "__main__":
    main()
