"""Speed of extracting mels, beside librosa and torchaudio, on the same files in one run.

    python benchmarks/mel_speed.py FOLDER_OF_22050_HZ_AUDIO [FILES]

Times are the best of three. "arrays": waveforms in memory, one file at a time, one thread. "files": from audio files to
mel files on two cores: `audiodiff mel extract --jobs 2`, and for the others two threads that load, transform and save.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import librosa
import numpy as np
import soundfile
import torch
import torchaudio
from rich.console import Console
from rich.table import Table

from audiodiff.cli.mel_extract import extract_files
from audiodiff.cli.mel_files import Target
from audiodiff.mel import MelSpectrogram, convention

NAME = "tacotron2_22k"
"""The one convention that librosa and torchaudio compute without further code."""

SPEC = convention(NAME)
LENGTHS = {"n_fft": SPEC.n_fft, "hop_length": SPEC.hop_length, "win_length": SPEC.win_length}

ours = MelSpectrogram(SPEC)
theirs = torchaudio.transforms.MelSpectrogram(
    SPEC.sample_rate, **LENGTHS, n_mels=80, f_max=8000, power=1, norm="slaney", mel_scale="slaney"
)


def by_librosa(wave: np.ndarray) -> np.ndarray:
    """The mel as librosa computes it."""
    bands = librosa.feature.melspectrogram(
        y=wave, sr=SPEC.sample_rate, **LENGTHS, n_mels=80, fmax=8000, power=1, pad_mode="reflect"
    )
    return np.log(np.maximum(bands, 1e-5))


@torch.inference_mode()
def by_torchaudio(wave: np.ndarray) -> np.ndarray:
    """The mel as torchaudio computes it."""
    return theirs(torch.from_numpy(wave)).clamp(min=1e-5).log().numpy()


@torch.inference_mode()
def by_audiodiff(wave: np.ndarray) -> np.ndarray:
    """The mel as audiodiff computes it."""
    return ours(torch.from_numpy(wave)[None])[0].numpy()


def best_of_three(work: Callable[[], object]) -> float:
    """Seconds of the fastest of three runs."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def in_two_threads(transform: Callable[[np.ndarray], np.ndarray], paths: list[Path], folder: Path) -> None:
    """Load, transform and save every file."""

    def convert(path: Path) -> None:
        wave, _ = soundfile.read(path, dtype="float32")
        np.save(folder / f"{path.stem}.npy", transform(wave))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(convert, paths))


def main(audio: Path, n_files: int) -> None:
    """Time and print."""
    torch.set_num_threads(1)
    paths = sorted(path for path in audio.iterdir() if path.suffix in (".wav", ".flac"))[:n_files]
    waves = [soundfile.read(path, dtype="float32")[0] for path in paths]
    duration = sum(map(len, waves)) / SPEC.sample_rate
    quiet = Console(quiet=True)
    table = Table(
        "", "arrays, 1 thread", "files, 2 threads", title=f"{len(paths)} files, {duration:.0f} s, x real time"
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, transform in {"librosa": by_librosa, "torchaudio": by_torchaudio, "audiodiff": by_audiodiff}.items():
            np.testing.assert_allclose(transform(waves[0]), by_librosa(waves[0]), atol=1e-2)
            in_memory = best_of_three(lambda f=transform: [f(wave) for wave in waves])
            on_disk = best_of_three(lambda f=transform: in_two_threads(f, paths, folder))
            table.add_row(name, f"{duration / in_memory:.0f}", f"{duration / on_disk:.0f}")
        command = best_of_three(lambda: extract_files(paths, SPEC, Target(folder, "safetensors", True), 2, quiet))
        table.add_row("audiodiff mel extract --jobs 2", "", f"{duration / command:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60)
