"""A model in PyTorch, eager and compiled, and exported: the same recording, the same noise, the same threads.

    pip install 'audiodiff[onnx]'
    python benchmarks/export_speed.py RECORDING [--model ljspeech-fast] [--seconds 10] [--threads 1] [--repeats 5]

`--model base` is DiffWave BASE with random weights and six steps; give it one second. Everybody takes turns; factors
are medians, by the clock on the wall and by the processor's time, which with one thread is the fairer one on a
machine that others use too. The differences are from the first row: the largest of the waveform, the mean of the log
mel. Compiling (the denoising network) and exporting are not counted, but told. What is printed is kept in
benchmarks/results/.
"""

import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from typing import Annotated, Any

import onnxruntime
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

from audiodiff.audio import load_audio
from audiodiff.audio.atomic import written_whole
from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import Bundle, load_bundle
from audiodiff.bundle.location import bundle_folder
from audiodiff.convert.converted import blueprint, discrete_betas, fast_grid, mel_tree
from audiodiff.evaluation.timing import describe_machine
from audiodiff.export.onnx import export_sampler
from audiodiff.export.onnx_runner import OnnxVocoder
from audiodiff.export.weight_storage import Weights
from audiodiff.mel import MelSpectrogram
from audiodiff.vocoder import Vocoder

warnings.filterwarnings("ignore")
RESULTS = Path(__file__).parent / "results"
CPU = torch.device("cpu")


Lap = tuple[Tensor, float, float]
"""A waveform, and the seconds that it took by the wall clock and by the processor's."""


@dataclass(frozen=True)
class Way:
    """A way to run a model, and how long it took to get there."""

    name: str
    vocode: Callable[[Tensor], Tensor]
    seconds: float


def base() -> Bundle:
    """DiffWave BASE, untrained."""
    torch.manual_seed(0)
    mel = mel_tree(sample_rate=22050, n_fft=1024, win_length=1024, hop_length=256, n_mels=80, f_max=8000.0)
    config = blueprint(
        mel=mel,
        network={"n_mels": 80, "hop_length": 256},
        schedule=discrete_betas(torch.linspace(1e-4, 0.05, 50, dtype=torch.float64).tolist()),
        grid=fast_grid(50),
        clamp=1.0,
    )
    tree = canonical(config)
    return Bundle("base", build(tree["model"]).eval(), build(tree["sampler"]), build(tree["grid"]))


def bundle_of(model: str) -> Bundle:
    """The bundle of that name, a fresh one each time."""
    return base() if model == "base" else load_bundle(bundle_folder(model))


def eager(model: str) -> Way:
    """As it comes."""
    vocoder = Vocoder(bundle_of(model))
    return Way("PyTorch, eager", lambda mel: vocoder(mel, spec=vocoder.mel_spec), 0.0)


def compiled(model: str, mel: Tensor) -> Way:
    """The network compiled by torch.compile for any length."""
    bundle, started = bundle_of(model), time.perf_counter()
    vocoder = Vocoder(bundle)
    bundle.model.denoiser.network.compile(dynamic=True)
    vocoder(mel, spec=vocoder.mel_spec)
    return Way("PyTorch, compiled", lambda mel: vocoder(mel, spec=vocoder.mel_spec), time.perf_counter() - started)


def exported(model: str, threads: int, weights: Weights) -> Way:
    """The whole sampler in onnxruntime."""
    bundle, started = bundle_of(model), time.perf_counter()
    vocoder, path = Vocoder(bundle), Path(mkdtemp()) / "model.onnx"
    export_sampler(path, bundle, vocoder.sampler(), vocoder.times(), weights)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    runner = OnnxVocoder(str(path), options)
    name = f"onnxruntime, {weights} ({path.stat().st_size / 1e6:.1f} MB)"
    return Way(name, lambda mel: torch.from_numpy(runner(mel.numpy())), time.perf_counter() - started)


def timed(way: Way, mel: Tensor) -> Lap:
    """The waveform, and the seconds that it took by the wall clock and by the processor's."""
    wall, processor = time.perf_counter(), time.process_time()
    wave = way.vocode(mel)
    return wave, time.perf_counter() - wall, time.process_time() - processor


def main(
    recording: Path,
    model: str = "ljspeech-fast",
    seconds: float = 10,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    repeats: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """Time all ways in turn and keep the result."""
    torch.set_num_threads(threads)
    spec = bundle_of(model).model.mel
    frames = round(seconds * spec.sample_rate / spec.hop_length)
    front_end, samples = MelSpectrogram(spec), frames * spec.hop_length
    wave = load_audio(recording, spec.sample_rate)
    mel = front_end(wave.repeat(-(-samples // len(wave)))[None, :samples])[0, :, :frames]
    ways = [eager(model), compiled(model, mel), exported(model, threads, "exact"), exported(model, threads, "int8")]
    laps = [[timed(way, mel) for way in ways] for _ in range(repeats + 1)][1:]  # the first lap warms up
    duration = samples / spec.sample_rate
    rows = [
        row(way, lap, laps[0][0][0], front_end, duration)
        for way, lap in zip(ways, zip(*laps, strict=True), strict=True)
    ]
    report(rows, f"{model}, {duration:.1f} s, {threads} threads")
    RESULTS.mkdir(exist_ok=True)
    with written_whole(RESULTS / f"export-{model}-{threads}-threads.json") as scratch:
        kept = {"machine": describe_machine(CPU), "seconds": duration, "repeats": repeats, "rows": rows}
        scratch.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def row(way: Way, laps: Sequence[Lap], reference: Tensor, front_end: MelSpectrogram, duration: float) -> dict[str, Any]:
    """The factors and the differences of one way."""
    wave = laps[0][0]
    mels = front_end(torch.stack([wave, reference]))
    return {
        "way": way.name,
        "rtf": median(lap[1] for lap in laps) / duration,
        "processor_rtf": median(lap[2] for lap in laps) / duration,
        "difference": (wave - reference).abs().max().item(),
        "mel_difference": (mels[0] - mels[1]).abs().mean().item(),
        "preparation": way.seconds,
    }


def report(rows: list[dict[str, Any]], title: str) -> None:
    """Print the table."""
    table = Table("way", "RTF", "processor", "speed-up", "difference", "mel", "made in", title=title)
    for row in rows:
        speed_up = rows[0]["processor_rtf"] / row["processor_rtf"]
        factors = (f"{row['rtf']:.4f}", f"{row['processor_rtf']:.4f}", f"{speed_up:.2f}")
        differences = (f"{row['difference']:.1e}", f"{row['mel_difference']:.4f}")
        table.add_row(row["way"], *factors, *differences, f"{row['preparation']:.0f} s")
    Console(highlight=False).print(table)


if __name__ == "__main__":
    typer.run(main)
