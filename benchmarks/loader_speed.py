"""Batches per second of our loaders and of lmnt's, one worker each, on the same recordings.

    python benchmarks/loader_speed.py data/ljspeech/train.jsonl      # needs `pip install diffwave`

The recordings are copied as 16-bit wavs beside the mels that lmnt's loader wants, into a folder that is removed
afterwards. lmnt's code runs as it is, but for `torchaudio.load_wav`, which torchaudio no longer has: soundfile reads
the same 16-bit numbers in its place.
"""

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from itertools import chain, islice, repeat
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import soundfile
import torch

from audiodiff.audio import MelSpectrogram, convention, load_audio
from audiodiff.data import FeatureStore, LiveFeatures, ResumableLoader, SegmentDataset, SegmentOrder, read_manifest
from audiodiff.data.dataset import usable
from audiodiff.data.features import Source
from audiodiff.data.manifest import Utterance
from audiodiff.training.features import MelFeatures

BATCH, SEGMENT, WARMUP = 16, 62, 5
SPEC = convention("diffwave_22k")


def main() -> None:
    """Measure every loader in turn, `--rounds` times, and print the best of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        wavs = copies(read_manifest(arguments.manifest), Path(folder))
        features = MelFeatures(model=SimpleNamespace(mel=SPEC))  # pyright: ignore[reportArgumentType]
        loaders: dict[str, Callable[[], Iterable]] = {
            "lmnt diffwave": lambda: lmnt(Path(folder)),
            "audiodiff, features kept": lambda: ours(wavs, FeatureStore(Path(folder) / "cache", features)),
            "audiodiff, on the fly": lambda: ours(wavs, LiveFeatures(features)),
        }
        opened = {name: make() for name, make in loaders.items()}
        for _ in range(arguments.rounds):
            for name, loader in opened.items():
                rate = speed(loader, arguments.batches)
                print(f"{name:26} {rate:7.1f} batches/s, {rate * BATCH * SEGMENT / SPEC.frame_rate:7.0f} x real time")
                sys.stdout.flush()


def copies(utterances: list[Utterance], folder: Path) -> list[Utterance]:
    """Write every recording as a wav with its mel beside it, where lmnt's loader looks for them."""
    front_end, found = MelSpectrogram(SPEC), []
    for utterance in utterances:
        path = folder / f"{utterance.id}.wav"
        wave = load_audio(utterance.path, SPEC.sample_rate)
        soundfile.write(path, wave.numpy(), SPEC.sample_rate, subtype="PCM_16")
        np.save(f"{path}.spec.npy", front_end(wave[None])[0].numpy())
        found.append(Utterance(id=utterance.id, path=path, duration=utterance.duration, sample_rate=SPEC.sample_rate))
    return found


def lmnt(folder: Path) -> Iterable:
    """lmnt's loader with one worker instead of one per core."""
    import torchaudio
    from diffwave.dataset import from_path

    def load_wav(path: str) -> tuple[torch.Tensor, int]:
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
        return torch.from_numpy(samples.T.astype(np.float32)), rate

    torchaudio.load_wav = load_wav  # pyright: ignore[reportAttributeAccessIssue]
    params = SimpleNamespace(batch_size=BATCH, crop_mel_frames=SEGMENT, hop_samples=SPEC.hop_length)
    with mock.patch("os.cpu_count", return_value=1):
        return from_path([str(folder)], params)


def ours(utterances: list[Utterance], source: Source) -> Iterable:
    """Our loader as the data module wires it, with one worker."""
    dataset = SegmentDataset(usable(utterances, source, strict=True, name="the copies"), source, segment=SEGMENT)
    order = SegmentOrder(dataset, batch_size=BATCH, seed=0, world=1, rank=0)
    return ResumableLoader(dataset, batch_size=BATCH, sampler=order, num_workers=1, persistent_workers=True)


def speed(loader: Iterable, batches: int) -> float:
    """Batches per second after the first few, over as many epochs as it takes."""
    stream = chain.from_iterable(repeat(loader))
    for _ in islice(stream, WARMUP):
        continue
    started = time.perf_counter()
    for _ in islice(stream, batches):
        continue
    return batches / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
