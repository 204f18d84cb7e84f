"""Peak memory of copy-synthesis and of a stream, by length: `python benchmarks/long_files.py --minutes 2 20 60`.

Each length is a process of its own; its peak is what the operating system says of it (ru_maxrss). Only one step of the
sampler is taken, since this measures memory and not speed. The recording is LJ001-0002 again and again, at 44.1 kHz in
stereo, so that it is mixed down and resampled, too.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from audiodiff.audio import load_audio

CLIP = Path(__file__).resolve().parents[1] / "tests" / "clips" / "LJ001-0002.flac"
RATE = 44100

PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
STREAM = """
import sys, torch
from audiodiff import Vocoder
from audiodiff.audio import load_audio
voice, clip, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
torch.set_num_threads(1)
vocoder = Vocoder.from_pretrained(voice)
mel, stream, samples = vocoder.mel(load_audio(clip, vocoder.sample_rate)), vocoder.stream(n_steps=1), 0
while samples < seconds * vocoder.sample_rate:
    samples += stream.feed(mel).shape[-1]
samples += stream.flush().shape[-1]
"""


def recording(path: Path, minutes: float) -> None:
    """Write a recording of that length."""
    clip = load_audio(CLIP, RATE).numpy()
    stereo = np.stack([clip, 0.5 * clip], axis=1)
    with soundfile.SoundFile(path, "w", RATE, 2) as file:
        for _ in range(round(minutes * 60 * RATE / len(clip))):
            file.write(stereo)


def peak(command: list[str]) -> float:
    """MiB that a command and what it starts take at most; raises `CalledProcessError` where it fails."""
    run = subprocess.run([sys.executable, "-c", PEAK, *command], check=True, capture_output=True, text=True)
    return int(run.stdout) / (1024**2 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Print a table of peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 20, 60])
    parser.add_argument("--model", default="ljspeech-tiny")
    parser.add_argument("--only", choices=("file", "stream"), nargs="+", default=["file", "stream"])
    arguments = parser.parse_args()
    for minutes in arguments.minutes:
        peaks = {}
        with tempfile.TemporaryDirectory() as folder:
            if "file" in arguments.only:
                recording(path := Path(folder) / "long.flac", minutes)
                options = ["-o", f"{folder}/out.wav", "--resample", "--steps", "1", "--threads", "1"]
                vocode = [sys.executable, "-m", "audiodiff", "vocode", str(path), "--model", arguments.model]
                peaks["copy-synthesis"] = peak([*vocode, *options])
        if "stream" in arguments.only:
            peaks["stream"] = peak([sys.executable, "-c", STREAM, arguments.model, str(CLIP), str(60 * minutes)])
        print(f"{minutes:g} min:", ", ".join(f"{name} {mib:.0f} MiB" for name, mib in peaks.items()), flush=True)


if __name__ == "__main__":
    main()
