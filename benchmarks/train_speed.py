"""Speed at which DiffWave BASE and the default network train, and segments load, beside lmnt's `diffwave`.

    pip install --no-deps diffwave
    python benchmarks/train_speed.py [--batch 16] [--frames 62] [--steps 20] [--audio FOLDER_OF_22050_HZ_FILES]

Both train the same network on the same batch in memory: audiodiff through `Training` and Lightning's trainer, with the
average of the weights, the guard against NaN and the progress bar of a run, lmnt through its learner's `train_step`,
with the NaN check of its loop. Every row has a process of its own; the first
`WARM_UP` steps do not count. Memory is the peak that torch allocated on a GPU, on a CPU the growth of the process.
Seconds are those of the clock on a GPU; on a CPU, and for loaders, those that the process computed (one thread), so
that a busy machine does not matter. What one worker delivers per second is what a loader without workers computes.
"""

import argparse
import resource
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import soundfile
import torch
import torchaudio
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader

from audiodiff.audio import load_audio
from audiodiff.data import Utterance, write_manifest
from audiodiff.engine.precision import multiplies_bfloat16
from audiodiff.experiment.config import build, compose_config
from audiodiff.experiment.run import build_model
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.training.model_features import DeferredMelFeatures, MelFeatures
from audiodiff.training.module import Training

WARM_UP = 3
BASE = "ljspeech_diffwave"
CLIPS = Path(__file__).parents[1] / "tests" / "clips"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Size:
    """The size of a batch, and the number of steps that are timed."""

    batch: int
    frames: int
    steps: int


class Clock(L.Callback):
    """The times at which the steps after the warm-up began and were done."""

    begun = done = 0.0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: object, batch_idx: int
    ) -> None:
        """Start the clock once the warm-up is over."""
        if batch_idx == WARM_UP:
            self.begun = now()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop the clock."""
        self.done = now()


def now() -> float:
    """Seconds: the clock's, once the GPU is done, or without one those that this process has computed."""
    if DEVICE == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def ours(size: Size, experiment: str, precision: str, *overrides: str) -> float:
    """Steps per second of `audiodiff train experiment=...`."""
    config = compose_config("train", [f"experiment={experiment}", "init_from=null", *overrides])
    objective = build(config.objective, model=build_model(config))
    module = Training(objective=objective, optimizer=build(config.optimizer), lr_schedule=build(config.lr_schedule))
    wave, mel = torch.randn(size.batch, size.frames * 256) / 10, torch.rand(size.batch, 80, size.frames)
    batch = {"wave": wave, "mel": mel} | ({} if experiment == BASE else {"mean": wave / 2, "target": wave * 0.9})
    loader = DataLoader([batch] * (WARM_UP + size.steps), batch_size=None)
    clock, average = Clock(), build(config.callbacks.ema)
    trainer = L.Trainer(
        accelerator=DEVICE,
        devices=1,
        max_steps=WARM_UP + size.steps,
        precision=precision,  # pyright: ignore[reportArgumentType] (one of Lightning's words)
        gradient_clip_val=1.0,
        callbacks=[clock, average],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(module, loader)
    return size.steps / (clock.done - clock.begun)


def theirs(size: Size, half: bool) -> float:
    """Steps per second of lmnt's learner."""
    from diffwave.learner import DiffWaveLearner
    from diffwave.model import DiffWave
    from diffwave.params import AttrDict, params

    settings: Any = AttrDict(params)
    settings.unconditional = False
    settings.max_grad_norm = 1.0
    model = DiffWave(settings).to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
    features = {
        "audio": torch.randn(size.batch, size.frames * 256, device=DEVICE) / 10,
        "spectrogram": torch.rand(size.batch, 80, size.frames, device=DEVICE),
    }
    with tempfile.TemporaryDirectory() as folder:
        learner = DiffWaveLearner(folder, model, [], optimizer, settings, fp16=half)
        begun = now()
        for step in range(WARM_UP + size.steps):
            if step == WARM_UP:
                begun = now()
            if torch.isnan(learner.train_step(features)).any():
                raise RuntimeError("lmnt's loss is NaN")
        return size.steps / (now() - begun)


def tiny_rows(size: Size) -> dict[str, tuple[Callable[..., float], tuple[Any, ...]]]:
    """Both in float32, ours of two narrow blocks."""
    small = ("network.layers=2", "network.channels=16")
    return {"lmnt fp32": (theirs, (size, False)), "DiffWave fp32": (ours, (size, BASE, "32-true", *small))}


def rows(size: Size) -> dict[str, tuple[Callable[..., float], tuple[Any, ...]]]:
    """The contestants: bf16 where there are instructions for it; compiling is left out on a CPU: it takes minutes."""
    found: dict[str, tuple[Callable[..., float], tuple[Any, ...]]] = {"lmnt fp32": (theirs, (size, False))}
    native = multiplies_bfloat16(torch.device(DEVICE))
    precisions = {"fp32": "32-true", "bf16": "bf16-mixed"} if native else {"fp32": "32-true"}
    faster = {"": (), ", fused": ("optimizer.fused=true",)}
    if DEVICE == "cuda":
        found["lmnt fp16"] = theirs, (size, True)
        faster[", fused, compiled"] = (*faster[", fused"], "compile=inductor")
    for network, experiment in (("DiffWave BASE", BASE), ("default network", "ljspeech_residual")):
        for short, precision in precisions.items():
            for choice, overrides in faster.items():
                found[f"{network} {short}{choice}"] = ours, (size, experiment, precision, *overrides)
    return found


def measured(pipe: Any, work: Callable[..., float], arguments: tuple[Any, ...]) -> None:  # noqa: ANN401 (a pipe's end)
    """In a process of its own: the speed, and the peak of memory in MiB."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1 if DEVICE == "cpu" else torch.get_num_threads())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    speed = work(*arguments)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    pipe.send((speed, torch.cuda.max_memory_allocated() / 2**20 if DEVICE == "cuda" else grown))


def alone(work: Callable[..., float], *arguments: object) -> tuple[float, float]:
    """Run in a fresh process and return the speed and the memory."""
    context = get_context("spawn" if DEVICE == "cuda" else "fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=measured, args=(sender, work, arguments))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()


def corpus(audio: Path, folder: Path) -> DictConfig:
    """16-bit WAV files with lmnt's `.spec.npy` beside them, and a manifest of the same files."""
    mel = MelSpectrogram(convention("diffwave_22k"))
    utterances = []
    paths = sorted(path for path in audio.iterdir() if path.suffix in (".wav", ".flac"))
    for number, path in enumerate(paths * -(-64 // len(paths))):
        wave, target = load_audio(path, 22050), folder / f"{number}.wav"
        soundfile.write(target, wave.numpy(), 22050, subtype="PCM_16")
        np.save(f"{target}.spec.npy", mel(wave[None])[0].numpy())
        utterances.append(Utterance(id=str(number), path=target, duration=len(wave) / 22050, sample_rate=22050))
    for split in ("train", "valid"):
        write_manifest(folder / f"{split}.jsonl", utterances)
    return compose_config("train", ["experiment=ljspeech_diffwave", "network.layers=1"])


def batches_per_second(loader: Iterable[object], batches: int) -> float:
    """Timed from the second batch on, over as many epochs as it takes."""
    begun, seen = 0.0, 0
    while True:
        for _ in loader:
            begun = begun or time.process_time()
            if seen == batches:
                return batches / (time.process_time() - begun)
            seen += 1


def our_loader(
    config: DictConfig, folder: Path, cache: str | None, size: Size, kind: type[MelFeatures] = MelFeatures
) -> float:
    """Batches per second of `VocoderData`, without what is left for the device."""
    features = kind(model=build(config.model))
    options = {"folder": str(folder), "cache": cache, "batch_size": size.batch, "segment": size.frames, "workers": 0}
    data = build(config.data, features=features, **options)
    data.prepare_data()
    data.setup("fit")
    return batches_per_second(data.train_dataloader(), size.steps * 4)


def their_loader(folder: Path, size: Size) -> float:
    """Batches per second of lmnt's dataset and collator; the function it loads with has left torchaudio."""
    from diffwave.dataset import Collator, NumpyDataset
    from diffwave.params import AttrDict, params

    def load_wav(path: str) -> tuple[torch.Tensor, int]:
        samples, rate = soundfile.read(path, dtype="int16")
        return torch.from_numpy(samples[None].astype(np.float32)), rate

    torchaudio.load_wav = load_wav  # pyright: ignore[reportAttributeAccessIssue] (lmnt's code asks for it)
    settings: Any = AttrDict(params)
    settings.crop_mel_frames = size.frames
    dataset, collate = NumpyDataset([str(folder)]), Collator(settings).collate
    loader = DataLoader(dataset, batch_size=size.batch, collate_fn=collate, shuffle=True, drop_last=True)
    return batches_per_second(loader, size.steps * 4)


def main(size: Size, audio: Path) -> None:
    """Time and print."""
    place = torch.cuda.get_device_name() if DEVICE == "cuda" else "1 CPU thread"
    table = Table("", "steps/s", "samples/s", "MiB", title=f"{size.batch} x {size.frames} frames, {place}")
    for label, (work, arguments) in rows(size).items():
        speed, memory = alone(work, *arguments)
        table.add_row(label, f"{speed:.3g}", f"{speed * size.batch * size.frames * 256:.3g}", f"{memory:.0f}")
    Console().print(table)
    table = Table("", "batches/s", title="loaders, per worker")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        config = corpus(audio, folder)
        for label, loader, arguments in (
            ("audiodiff, stored features", our_loader, (config, folder, str(folder / "cache"), size)),
            ("audiodiff, features on the fly", our_loader, (config, folder, None, size)),
            ("audiodiff, mel on the device", our_loader, (config, folder, None, size, DeferredMelFeatures)),
            ("lmnt", their_loader, (folder, size)),
        ):
            table.add_row(label, f"{alone(loader, *arguments)[0]:.3g}")
    Console().print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in (("--batch", 16), ("--frames", 62), ("--steps", 20)):
        parser.add_argument(option, type=int, default=default)
    parser.add_argument("--audio", type=Path, default=CLIPS)
    chosen = parser.parse_args()
    main(Size(chosen.batch, chosen.frames, chosen.steps), chosen.audio)
