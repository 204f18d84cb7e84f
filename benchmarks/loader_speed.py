"""Cost of a batch in our loaders and in lmnt's, on the same recordings: CPU time, and the rate with one worker.

    python benchmarks/loader_speed.py data/ljspeech/train.jsonl      # needs `pip install diffwave`

The recordings are copied as 16-bit wavs beside the mels that lmnt's loader wants, into a folder that is removed
afterwards. lmnt's code runs as it is, but for `torchaudio.load_wav`, which torchaudio no longer has: soundfile reads
the same 16-bit numbers in its place.
"""

import argparse
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

from audiodiff.audio import load_audio
from audiodiff.data import FeatureStore, LiveFeatures, ResumableLoader, SegmentDataset, SegmentOrder, read_manifest
from audiodiff.data.dataset import usable
from audiodiff.data.features import Source
from audiodiff.data.manifest import Utterance
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.training.model_features import DeferredMelFeatures, MelFeatures

BATCH, SEGMENT, WARMUP = 16, 62, 5
SPEC = convention("diffwave_22k")


def main() -> None:
    """Measure every loader in turn, `--rounds` times."""
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
        deferred = DeferredMelFeatures(model=features.model)
        kept, live = FeatureStore(Path(folder) / "cache", features), LiveFeatures(features)
        loaders: dict[str, Callable[[int], Iterable]] = {
            "lmnt diffwave": lambda workers: lmnt(Path(folder), workers),
            "audiodiff, features kept": lambda workers: ours(wavs, kept, workers),
            "audiodiff, on the fly": lambda workers: ours(wavs, live, workers),
            "audiodiff, mel on device": lambda workers: ours(wavs, LiveFeatures(deferred), workers),
        }
        opened = {name: (make(0), make(1)) for name, make in loaders.items()}
        for _ in range(arguments.rounds):
            for name, (alone, worker) in opened.items():
                cpu = cost(alone, arguments.batches, time.process_time)
                wall = cost(worker, arguments.batches, time.perf_counter)
                print(
                    f"{name:26} {1000 * cpu:6.1f} ms of CPU a batch, with a worker {1 / wall:6.1f} batches/s",
                    flush=True,
                )


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


def lmnt(folder: Path, workers: int) -> Iterable:
    """lmnt's loader with so many workers instead of one per core."""
    import torchaudio
    from diffwave.dataset import from_path

    def load_wav(path: str) -> tuple[torch.Tensor, int]:
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
        return torch.from_numpy(samples.T.astype(np.float32)), rate

    torchaudio.load_wav = load_wav  # pyright: ignore[reportAttributeAccessIssue]
    params = SimpleNamespace(batch_size=BATCH, crop_mel_frames=SEGMENT, hop_samples=SPEC.hop_length)
    with mock.patch("os.cpu_count", return_value=workers):
        return from_path([str(folder)], params)


def ours(utterances: list[Utterance], source: Source, workers: int) -> Iterable:
    """Our loader as the data module wires it."""
    dataset = SegmentDataset(usable(utterances, source, strict=True, name="the copies"), source, segment=SEGMENT)
    order = SegmentOrder(dataset, batch_size=BATCH, seed=0, world=1, rank=0)
    options = {"num_workers": workers, "persistent_workers": workers > 0}
    return ResumableLoader(dataset, batch_size=BATCH, sampler=order, **options)


def cost(loader: Iterable, batches: int, clock: Callable[[], float]) -> float:
    """Seconds per batch after the first few, over as many epochs as it takes."""
    stream = chain.from_iterable(repeat(loader))
    for _ in islice(stream, WARMUP):
        continue
    started = clock()
    for _ in islice(stream, batches):
        continue
    return (clock() - started) / batches


if __name__ == "__main__":
    main()
