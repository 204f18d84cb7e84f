"""Speed of the networks on this machine, beside others, beside the machine's own limits, and what bounds them.

    pip install --no-deps diffwave vocos encodec einops
    python benchmarks/speed.py base [--seconds 3] [--threads 2] [--repeats 3]
    python benchmarks/speed.py step [--seconds 10] [--threads 2] [--repeats 5]
    python benchmarks/speed.py default [--seconds 10] [--threads 2] [--repeats 5]
    python benchmarks/speed.py scaling [--threads 2]
    python benchmarks/speed.py memory [--seconds 10]
    python benchmarks/speed.py profile [--seconds 3] [--threads 2]

`base`: DiffWave BASE with random weights, six steps, in lmnt's package as its README says and converted into audiodiff
with the same noise; the waveforms are compared. `step`: one network call of the same, for lengths at which lmnt's six
take minutes. `default`: the voice that ships with audiodiff beside vocos. `scaling`: time and memory over length, batch
and threads, of a smaller DiffWave. `memory`: of one call of BASE. `profile`: where the time of a call goes.

Everybody takes turns, results are medians, kept in benchmarks/results/ with those of earlier calls of the same settings
on the same machine. A lap that other processes disturbed is not counted.
Products in bfloat16 are timed where the processor has instructions for them; without, torch emulates them.
"""

import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Literal, cast
from unittest import mock

import torch
import typer
from laps import CPU, console, kept, peak, race, rate, show
from peers import mel_for
from peers import vocos as vocos_peer
from rich.table import Table
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile, record_function

from audiodiff.audio import load_audio
from audiodiff.bundle.constructors import build
from audiodiff.bundle.format import Bundle
from audiodiff.conditioning import Conditioning
from audiodiff.convert import Converted, convert
from audiodiff.diffusion import Denoiser, StraightPath, X0Prediction, ddim, uniform
from audiodiff.engine import FastDiffWave, accelerated
from audiodiff.engine.diffwave.c_kernel import Kernel, compiled_kernel
from audiodiff.engine.diffwave.support import supports
from audiodiff.engine.precision import multiplies_bfloat16
from audiodiff.evaluation.timing import PeakMemory, describe_machine
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.priors import Isotropic
from audiodiff.streaming.pieces import in_pieces
from audiodiff.vocoder import Vocoder

CLIP = Path(__file__).parents[1] / "tests/clips/LJ001-0002.flac"
SAMPLE_RATE, HOP = 22050, 256


def flop_per_sample(network: DiffWave) -> int:
    """Of the convolutions of one network call: two for each weight of the blocks, which is all but a thousandth."""
    return sum(2 * p.numel() for name, p in network.blocks.named_parameters() if p.ndim == 3 and "step" not in name)


def mel_of(seconds: float) -> Tensor:
    """A recording's mel as lmnt's networks want it, repeated to that length."""
    frames = round(seconds * SAMPLE_RATE / HOP)
    wave = load_audio(CLIP, SAMPLE_RATE)
    wave = wave.repeat(-(-frames * HOP // len(wave)))[: frames * HOP]
    return MelSpectrogram(convention("diffwave_22k"))(wave[None])[0, :, :frames]


def pair() -> tuple[str, nn.Module, Converted]:
    """DiffWave BASE as lmnt's package has it, its folder, and the same in audiodiff."""
    from diffwave.model import DiffWave as Theirs
    from diffwave.params import AttrDict, params

    torch.manual_seed(0)
    theirs = Theirs(AttrDict(params)).eval()
    nn.init.normal_(theirs.output_projection.weight, std=0.1)  # zero as it comes, and then nothing would be compared
    folder = tempfile.mkdtemp()
    torch.save({"model": theirs.state_dict(), "params": dict(params)}, f"{folder}/weights.pt")
    return folder, theirs, convert(Path(folder) / "weights.pt")


def network_of(converted: Converted) -> DiffWave:
    """Its network."""
    return cast("DiffWave", converted.model.denoiser.network)


def precisions() -> dict[str, torch.dtype]:
    """The parts that can be timed here."""
    return {"float32": torch.float32, **({"bfloat16": torch.bfloat16} if multiplies_bfloat16(CPU) else {})}


def engines(network: DiffWave) -> dict[str, tuple[torch.dtype, bool]]:
    """The engine's variants here: in which precision, and whether with the compiled kernel."""
    found = {f"engine, {name}": (dtype, False) for name, dtype in precisions().items()}
    for name, dtype in precisions().items():
        if supports(network, "c", dtype) is None:
            found[f"engine, {name}, compiled"] = (dtype, True)
            started = perf_counter()
            compiled_kernel(dtype)
            console.print(f"{name} kernel compiled in {perf_counter() - started:.2f} s")
    return found


def limits(threads: int) -> dict[str, float]:
    """The machine's own products, in GFLOP/s."""
    found = {name: peak(dtype) for name, dtype in precisions().items()}
    console.print(f"square products, {threads} threads:", {k: f"{v:.0f} GFLOP/s" for k, v in found.items()})
    return found


class TorchNoise:
    """The draws that torch.randn makes one after the other from a seed, as lmnt's sampler makes them."""

    def __init__(self, samples: int, draws: int) -> None:
        torch.manual_seed(0)
        self.draws = [torch.randn(1, samples) for _ in range(draws)]

    def at(self, draw: int, start: int, stop: int) -> Tensor:
        """A part of a draw."""
        return self.draws[draw][:, start:stop]


def base(seconds: float, threads: int, repeats: int) -> None:
    """Six steps from the mel to the waveform."""
    from diffwave.inference import predict

    folder, _, converted = pair()
    mel, waves = mel_of(seconds), {}
    models = {native: accelerated(converted.model, native=native) for native in (False, True)}
    model = models[False]
    walk = {"sampler": build(converted.config["sampler"])}
    walk["times"] = build(converted.config["grid"])(model.denoiser.schedule)
    cost, peaks = flop_per_sample(network_of(converted)) * 6 * SAMPLE_RATE / 1e9, limits(threads)

    predict(mel[:, :1], folder, device=CPU, fast_sampling=True)  # loads the model, which draws random numbers

    def theirs() -> None:
        torch.manual_seed(0)
        waves["lmnt"] = predict(mel, folder, device=CPU, fast_sampling=True)[0]

    @torch.inference_mode()
    def ours(name: str, dtype: torch.dtype, native: bool) -> None:
        noise = TorchNoise(HOP * mel.shape[-1], 6)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            waves[name] = in_pieces(models[native], mel[None], noise=[noise], **walk)

    @torch.inference_mode()
    def one_by_one() -> None:
        torch.manual_seed(0)
        waves["engine, call after call"] = model.generate(mel[None], noise=torch.randn_like, **walk)

    contestants = {"lmnt": theirs, "engine, call after call": one_by_one}
    contestants |= {name: partial(ours, name, *how) for name, how in engines(network_of(converted)).items()}
    laps = race(contestants, repeats, seconds)
    facts = {name: difference(wave, waves["lmnt"]) for name, wave in waves.items() if name != "lmnt"}
    console.print(facts)
    settings = {"seconds": seconds, "threads": threads}
    laps = kept("base", settings, laps, {"limits": peaks, "differences": facts})
    show(f"DiffWave BASE, 6 steps, {seconds:g} s, {threads} threads: RTF", laps, "lmnt", rate(cost, peaks))


def difference(wave: Tensor, other: Tensor) -> dict[str, float]:
    """Of two waveforms [1, samples]: the largest, and the mean one of their natural log mels."""
    mels = [MelSpectrogram(convention("hifigan_22k"))(x) for x in (wave, other)]
    inside = other.abs() < 1
    return {
        "largest": (wave - other).abs().max().item(),
        "log_mel": (mels[0] - mels[1]).abs().mean().item(),
        "not_clipped": inside.float().mean().item(),
    }


def step(seconds: float, threads: int, repeats: int) -> None:
    """One call of the network."""
    _, theirs, converted = pair()
    network = network_of(converted)
    mel = mel_of(seconds)[None]
    x_t, t, peaks = torch.randn(1, HOP * mel.shape[-1]), torch.tensor([0.25]), limits(threads)
    cond, outputs = Conditioning(mel=mel), {}

    def ours(module: nn.Module, name: str, dtype: torch.dtype) -> None:
        with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            outputs[name] = module(x_t, t, cond)

    @torch.inference_mode()
    def lmnt() -> None:
        outputs["lmnt"] = theirs(x_t, mel, t * 50 - 1)[:, 0]

    contestants = {"lmnt": lmnt, "module": partial(ours, network, "module", torch.float32)}
    contestants |= {
        name: partial(ours, FastDiffWave(network, native=native), name, dtype)
        for name, (dtype, native) in engines(network).items()
    }
    laps = race(contestants, repeats, seconds)
    scale = outputs["lmnt"].std()
    facts = {name: ((o - outputs["lmnt"]).abs().max() / scale).item() for name, o in outputs.items()}
    console.print("largest difference from lmnt's in units of its standard deviation:", facts)
    laps = kept("step", {"seconds": seconds, "threads": threads}, laps, {"limits": peaks, "differences": facts})
    cost = flop_per_sample(network) * SAMPLE_RATE / 1e9
    title = f"DiffWave BASE, one network call, {seconds:g} s, {threads} threads: seconds per second of audio"
    show(title, laps, "lmnt", rate(cost, peaks))


def default(seconds: float, threads: int, repeats: int) -> None:
    """The voice that ships with audiodiff, with one step to four, as it comes and compiled, beside one of a GAN."""
    gan, runs = vocos_peer(), {}
    for precision in ("fp32", "bf16") if multiplies_bfloat16(CPU) else ("fp32",):
        plain, compiled = (Vocoder.from_pretrained("ljspeech-fast", precision=precision) for _ in range(2))
        mel = MelSpectrogram(plain.mel_spec)(load_audio(CLIP, plain.sample_rate)[None])[0]
        mel = mel.repeat(1, 99)[:, : round(seconds * SAMPLE_RATE / HOP)]
        for name, vocoder in ((precision, plain), (f"{precision}, compiled", compiled.compile())):
            for steps in (1, 2, 4):
                runs[f"{vocoder.name}, {steps} steps, {name}"] = partial(
                    vocoder, mel, spec=plain.mel_spec, n_steps=steps
                )
    runs[gan.name] = torch.inference_mode()(partial(gan.vocode, mel_for(gan, CLIP, seconds)))
    for run in runs.values():
        run()
    laps = kept("default", {"seconds": seconds, "threads": threads}, race(runs, repeats, seconds), {})
    show(f"{seconds:g} s, {threads} threads: RTF", laps, gan.name)


def small() -> Vocoder:
    """A DiffWave of a tenth of BASE's cost, two steps."""
    torch.manual_seed(0)
    network = DiffWave(n_mels=80, hop_length=HOP, channels=32, layers=10)
    nn.init.normal_(network.output.weight, std=0.1)
    denoiser = Denoiser(network=network, schedule=StraightPath(), prediction=X0Prediction())
    model = DiffusionModel(mel=convention("hifigan_22k"), denoiser=denoiser, prior=Isotropic()).eval()
    return Vocoder(Bundle("small", model, ddim, lambda schedule: uniform(schedule, 2)))


def scaling(seconds: float, threads: int, repeats: int) -> None:
    """Lengths up to `seconds`, batches up to 16 of one second: time per second of audio, and the peak of memory."""
    vocoder, table = small(), Table("", "RTF", "peak MiB", title=f"DiffWave of 32 channels, 2 steps, {threads} threads")
    shapes = [(1, length) for length in (1, 10, 60, 180, 600) if length <= seconds] + [(b, 1) for b in (2, 4, 8, 16)]
    for batch, length in shapes:
        mel = torch.randn(batch, 80, round(length * SAMPLE_RATE / HOP)) - 5
        run = partial(vocoder, mel, spec=vocoder.mel_spec)
        memory = PeakMemory(CPU)
        laps = race({"rtf": run}, repeats if batch * length <= 60 else 1, batch * length)
        used = memory.mebibytes()
        kept("scaling", {"batch": batch, "length": length, "threads": threads}, laps, {"peak_mib": used})
        rtf = f"{median(laps['rtf']):.4f}" if laps["rtf"] else "disturbed"
        table.add_row(f"{batch} x {length} s", rtf, f"{used:.0f}" if used else "?")
    console.print(table)


def profiled(seconds: float, threads: int, repeats: int) -> None:
    """Shares of the operators, by their own time on the processor; the kernel counts as one."""
    _, _, converted = pair()
    network, mel = network_of(converted), mel_of(seconds)[None]
    x_t, t, cond = torch.randn(1, HOP * mel.shape[-1]), torch.tensor([0.25]), Conditioning(mel=mel)
    modules: dict[str, tuple[nn.Module, torch.dtype]] = {"module": (network, torch.float32)}
    modules |= {n: (FastDiffWave(network, native=native), dtype) for n, (dtype, native) in engines(network).items()}
    plain = Kernel.__call__

    def recorded(self: Kernel, *inputs: Any) -> None:  # noqa: ANN401 (those of the kernel)
        with record_function("kernel"):
            plain(self, *inputs)

    for name, (module, dtype) in modules.items():
        run = partial(module, x_t, t, cond)
        autocast = torch.autocast("cpu", dtype, enabled=dtype != torch.float32)
        with torch.inference_mode(), autocast, mock.patch.object(Kernel, "__call__", recorded):
            run()
            with profile(activities=[ProfilerActivity.CPU]) as profiler:
                run()
        events = sorted(profiler.key_averages(), key=lambda event: -event.self_cpu_time_total)
        total = sum(event.self_cpu_time_total for event in events)
        table = Table("operator", "calls", "share", title=f"{name}, {threads} threads, {total / 1e3:.0f} ms")
        for event in events[:8]:
            table.add_row(event.key, str(event.count), f"{event.self_cpu_time_total / total:.1%}")
        console.print(table)


def used(who: str, seconds: float) -> float:
    """MiB that one network call adds to the process at its peak."""
    _, theirs, converted = pair()
    network, mel = network_of(converted), mel_of(seconds)[None]
    x_t, t, cond = torch.randn(1, HOP * mel.shape[-1]), torch.tensor([0.25]), Conditioning(mel=mel)
    before, memory = PeakMemory(CPU).mebibytes(), PeakMemory(CPU)
    modules = {"module": network, "engine": FastDiffWave(network)}
    with torch.inference_mode():
        theirs(x_t, mel, t * 50 - 1) if who == "lmnt" else modules[who](x_t, t, cond)
    return (memory.mebibytes() or 0) - (before or 0)


def memory(seconds: float, threads: int, repeats: int) -> None:
    """The peak of memory of one network call, each in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for who in ("engine", "module", "lmnt"):
            console.print(f"{who}, {seconds:g} s: {pool.submit(used, who, seconds).result():.0f} MiB")


PARTS = {"memory": memory, "base": base, "step": step, "default": default, "scaling": scaling, "profile": profiled}


Part = Literal["base", "step", "default", "scaling", "memory", "profile"]


def main(part: Part, seconds: float = 3, threads: int = 2, repeats: int = 3) -> None:
    """Run one part and keep what it prints."""
    torch.set_num_threads(threads)
    console.print(describe_machine(CPU))
    PARTS[part](seconds, threads, repeats)


if __name__ == "__main__":
    typer.run(main)
