"""Sampling and training DiffWave BASE on a CUDA GPU, beside lmnt's `diffwave` and beside the card's own limits.

    pip install --no-deps diffwave
    python benchmarks/gpu_speed.py sampling [--seconds 10] [--batches 1,16] [--repeats 5]
    python benchmarks/gpu_speed.py training [--batch 16] [--frames 62] [--steps 20]

`sampling`: six steps with random weights and the same noise: lmnt's code as it comes, the plain module, the module
through torch.compile, and the fused blocks, step by step and recorded as a graph; the last rows are whole calls of a
compiled `Vocoder`, noise of the seed included. Rows take turns; medians, with the GPU's work finished at both ends,
after two runs that do not count. The differences are from lmnt's waveform. "of bandwidth" and "of products" are what
the fused blocks must move and compute at least, over what the card copied and multiplied here in the same precision.
`training`: the rows of `train_speed.py`. Without a CUDA GPU there is nothing to measure: exit code 1; `--tiny` runs two
narrow blocks on whatever device there is, and its numbers mean nothing.

Convolutions of torch take 10-bit products (TF32) unless told otherwise; "exact" rows are told so, as float32 of the
fused blocks always is.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Literal
from unittest import mock

import torch
import typer
from laps import Laps, Run, kept, lap
from rich.console import Console
from rich.table import Table
from speed import HOP, SAMPLE_RATE, difference, flop_per_sample, mel_of, network_of, pair
from torch import Tensor, nn
from train_speed import Size, alone, tiny_rows
from train_speed import rows as training_rows

from audiodiff.bundle.constructors import build
from audiodiff.bundle.format import Bundle
from audiodiff.convert import Converted
from audiodiff.engine import RecordedModel
from audiodiff.engine.diffwave.gpu.fused_weights import MEL_GROUP
from audiodiff.evaluation.timing import describe_machine, wait
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.vocoder import Vocoder

console = Console(highlight=False, width=160)
STEPS = 6
WARM_UPS = 2
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Ceilings:
    """Measured limits of a card: bytes per second copied, read and written, and operations per second, by dtype."""

    bandwidth: float
    products: dict[str, float]

    @classmethod
    def of(cls, device: torch.device, size: int = 8192) -> "Ceilings":
        """Copy 4·size² bytes, and multiply square matrices of that size without TF32."""
        x, y = torch.ones(2, size, size, device=device)
        bandwidth = 2 * x.nbytes / fastest(lambda: y.copy_(x), device)
        products = {}
        for name, dtype in DTYPES.items():
            a, b = x.to(dtype), y.to(dtype)
            products[name] = 2 * size**3 / fastest(lambda a=a, b=b: a @ b, device)
        return cls(bandwidth, products)


def fastest(run: Run, device: torch.device) -> float:
    """Seconds, the best of ten."""
    return min(lap(waited(run, device)) for _ in range(10))


def waited(run: Run, device: torch.device) -> Run:
    """The same with the GPU's work finished before and after."""

    def whole() -> object:
        wait(device)
        result = run()
        wait(device)
        return result

    return whole


def bytes_per_sample(network: DiffWave, dtype: torch.dtype) -> int:
    """Bytes that the fused blocks of one network call read and write: x, the sum twice, the next x, and the mel."""
    channels, block = network.input.out_channels, network.blocks[0]
    bands = 0 if block.conditioner is None else -(-block.conditioner.in_channels // MEL_GROUP) * MEL_GROUP
    return len(network.blocks) * (4 * 4 * channels + dtype.itemsize * bands)


def exactly(run: Run) -> Run:
    """With convolutions in float32 of 24 bits."""

    def exact() -> object:
        before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
        try:
            return run()
        finally:
            torch.backends.cudnn.allow_tf32 = before

    return exact


class Race:
    """The contestants on one batch of mels, and the waveform [batch, samples] that each made last."""

    def __init__(self, folder: str, converted: Converted, mel: Tensor, device: torch.device) -> None:
        self.folder, self.converted, self.mel, self.device = folder, converted, mel.to(device), device
        self.model = converted.model.to(device).eval()
        self.recorded = RecordedModel(self.model)
        self.compiled = copy.deepcopy(self.model)
        network_of(converted)  # fails here, in words, if this is no DiffWave
        self.compiled.denoiser.network.compile(dynamic=True)
        self.sampler = build(converted.config["sampler"])
        self.times = build(converted.config["grid"])(self.model.denoiser.schedule)
        self.waves: dict[str, Tensor] = {}

    def contestants(self) -> dict[str, Run]:
        """The contestants, by name."""
        found: dict[str, Run] = {"lmnt, TF32": self._kept("lmnt, TF32", self._lmnt)}
        found["lmnt, exact"] = exactly(self._kept("lmnt, exact", self._lmnt))
        for name, dtype in DTYPES.items():
            for label, model in (("module", self.model), ("module, compiled", self.compiled)):
                found[f"{label}, {name}"] = self._sampled(f"{label}, {name}", model, dtype, graph=False)
            for label, graph in (("fused, step by step", False), ("fused, one graph", True)):
                found[f"{label}, {name}"] = self._sampled(f"{label}, {name}", self.recorded, dtype, graph=graph)
            found[f"Vocoder, compiled, {name}"] = self._vocoder(dtype)
        return {name: waited(run, self.device) for name, run in found.items()}

    def differences(self) -> dict[str, dict[str, float]]:
        """From lmnt's exact waveform, of everything with the same noise."""
        reference = self.waves["lmnt, exact"].float().cpu()
        return {name: difference(wave.float().cpu(), reference) for name, wave in self.waves.items()}

    def _lmnt(self) -> Tensor:
        from diffwave.inference import predict

        return predict(self.mel, self.folder, device=self.device, fast_sampling=True)[0]

    def _kept(self, name: str, run: Callable[[], Tensor]) -> Run:
        def kept() -> None:
            torch.manual_seed(0)
            self.waves[name] = run()

        return kept

    def _sampled(self, name: str, model: DiffusionModel, dtype: torch.dtype, *, graph: bool) -> Run:
        """Six steps; a module in float32 is exact, in bfloat16 as autocast has it."""

        @torch.inference_mode()
        def run() -> Tensor:
            options = {"sampler": self.sampler, "times": self.times, "noise": torch.randn_like}
            reduced = dtype != torch.float32
            with torch.autocast(self.device.type, dtype) if reduced else nullcontext():
                if isinstance(model, RecordedModel) and not graph:
                    *_, wave = model.steps(self.mel, **options)
                    return wave
                return model.generate(self.mel, **options)

        return exactly(self._kept(name, run))

    def _vocoder(self, dtype: torch.dtype) -> Run:
        """From mels in memory to waveforms on the card, through the public call; its noise is its own."""
        config = self.converted.config
        voice = Vocoder(Bundle("base", copy.deepcopy(self.model), self.sampler, build(config["grid"]))).compile()
        voice = voice.bfloat16() if dtype == torch.bfloat16 else voice
        mels, seeds = list(self.mel.cpu()), list(range(len(self.mel)))
        return lambda: voice(mels, spec=voice.mel_spec, seed=seeds)


def sampling(device: torch.device, seconds: float, batch: int, repeats: int, ceilings: Ceilings) -> Table:
    """Race on `batch` items of one length, keep the laps, and return their table."""
    folder, _, converted = pair()
    mel = mel_of(seconds).expand(batch, -1, -1).contiguous()
    race = Race(folder, converted, mel, device)
    runs, laps = race.contestants(), Laps()
    for run in runs.values():
        for _ in range(WARM_UPS):
            run()
    for _ in range(repeats):
        for name, run in runs.items():
            laps.setdefault(name, []).append(lap(run))
    facts = race.differences()
    settings = {"batch": batch, "seconds": seconds, "device": describe_machine(device)}
    kept("gpu", settings, laps, {"ceilings": vars(ceilings), "differences": facts})
    samples = batch * mel.shape[-1] * HOP * STEPS
    return table(f"{batch} x {seconds:g} s, {STEPS} steps", laps, facts, network_of(converted), samples, ceilings)


def table(
    title: str, laps: Laps, facts: dict[str, dict[str, float]], network: DiffWave, samples: int, ceilings: Ceilings
) -> Table:
    """Medians of a race over `samples` samples, steps times audio, beside lmnt's and the ceilings."""
    columns = ("", "laps", "seconds", "RTF", "lmnt / this", "of bandwidth", "of products", "log-mel diff.")
    made = Table(*columns, title=title)
    first = median(laps["lmnt, TF32"])
    for name, times in laps.items():
        middle = median(times)
        dtype = "bfloat16" if name.endswith("bfloat16") else "float32"
        moved = bytes_per_sample(network, DTYPES[dtype]) * samples / middle / ceilings.bandwidth
        computed = flop_per_sample(network) * samples / middle / ceilings.products[dtype]
        bandwidth = f"{moved:.0%}" if name.startswith("fused") else ""
        error = f"{facts[name]['log_mel']:.4f}" if name in facts else ""
        rtf = middle / (samples / STEPS / SAMPLE_RATE)
        ratio = f"{first / middle:.2f}"
        made.add_row(name, str(len(times)), f"{middle:.4f}", f"{rtf:.5f}", ratio, bandwidth, f"{computed:.0%}", error)
    return made


@contextmanager
def two_blocks() -> Iterator[None]:
    """Make BASE a network of two narrow blocks, which torch does not compile."""
    from diffwave.params import params

    small = {"residual_layers": 2, "residual_channels": 16}
    with mock.patch.dict(params, small), mock.patch.object(nn.Module, "compile", return_value=None):
        yield


def training(size: Size, *, tiny: bool = False) -> Table:
    """Steps per second beside lmnt's learner, each row in a process of its own."""
    made = Table("", "steps/s", "MiB", title=f"training, {size.batch} x {size.frames} frames")
    for label, (work, arguments) in (tiny_rows if tiny else training_rows)(size).items():
        speed, memory = alone(work, *arguments)
        made.add_row(label, f"{speed:.3g}", f"{memory:.0f}")
    return made


def main(
    part: Literal["sampling", "training"],
    seconds: float = 10,
    batches: str = "1,16",
    repeats: Annotated[int, typer.Option(min=5)] = 5,
    batch: int = 16,
    frames: int = 62,
    steps: int = 20,
    tiny: bool = False,
) -> None:
    """Measure one part on the GPU of this machine."""
    if tiny:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        with two_blocks():
            small = sampling(device, 0.04, 2, 1, Ceilings.of(device, size=64)) if part == "sampling" else None
            console.print(small or training(Size(1, 4, 1), tiny=True))
        return
    if not torch.cuda.is_available():
        console.print("no CUDA GPU here: nothing was measured")
        raise typer.Exit(1)
    device = torch.device("cuda")
    console.print(describe_machine(device))
    if part == "training":
        console.print(training(Size(batch, frames, steps)))
        return
    ceilings = Ceilings.of(device)
    products = {name: f"{rate / 1e12:.0f} TFLOP/s" for name, rate in ceilings.products.items()}
    console.print(f"copies {ceilings.bandwidth / 1e9:.0f} GB/s, square products", products)
    for items in map(int, batches.split(",")):
        console.print(sampling(device, seconds, items, repeats, ceilings))


if __name__ == "__main__":
    typer.run(main)
