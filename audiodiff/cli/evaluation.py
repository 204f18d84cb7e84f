"""What `audiodiff evaluate` does: measure systems, print a table, write the report."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from audiodiff.cli.tables import print_systems
from audiodiff.cli.vocode import set_threads
from audiodiff.errors import ConfigError, OutputError
from audiodiff.evaluation.distribution import frechet_distance, onnx_embedding
from audiodiff.evaluation.pairs import find_pairs, load_pair, recordings_in
from audiodiff.evaluation.record import make_record, write_record
from audiodiff.evaluation.report import write_report
from audiodiff.evaluation.spectral import F_MAX
from audiodiff.evaluation.synthesis import Synthesis, read_mels, synthesize
from audiodiff.evaluation.systems import Rules, System, evaluate
from audiodiff.evaluation.timing import describe_machine
from audiodiff.types import Hertz, Seconds
from audiodiff.vocoder import Vocoder

EXTRA = ("auraloss", "matplotlib", "pesq", "pystoi", "pyworld", "scipy")


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is wanted of an evaluation, wherever the recordings come from."""

    out: Path | None
    examples: int
    limit: int | None
    resampled: bool
    f_max: float | None
    max_lag: Seconds
    embedding: Path | None
    embedding_rate: Hertz
    overwrite: bool

    @property
    def rules(self) -> Rules:
        """How pairs are compared."""
        return Rules(f_max=self.f_max or F_MAX, max_lag=self.max_lag, resampled=self.resampled)


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which models vocode what, with which samplers and step counts; None is the model's own."""

    models: Sequence[str]
    data: Path
    samplers: Sequence[str | None]
    steps: Sequence[int | None]
    seed: int
    device: str
    threads: int | None


def evaluate_folders(generated: Sequence[Path], reference: Path, ask: Ask) -> None:
    """Measure every folder, manifest or file of `generated` against `reference`."""
    check_ready(ask)
    found = [find_pairs(source, reference) for source in generated]
    systems = []
    with progress_bar(sum(len(pairs[: ask.limit]) for pairs, _ in found)) as advance:
        for name, (pairs, excluded) in zip(distinct_names(generated), found, strict=True):
            systems.append(evaluate(name, pairs[: ask.limit], ask.rules, excluded=excluded, advance=advance))
    settings = {"references": reference.name, "f_max": ask.rules.f_max}
    present(systems, ask, describe_machine(torch.device("cpu")), settings)


def evaluate_models(request: Request, ask: Ask) -> None:
    """Vocode the recordings with every model, sampler and step count, and measure what comes out."""
    check_ready(ask)
    set_threads(request.threads)
    runs = list(planned(request))
    references = dict(list(recordings_in(request.data).items())[: ask.limit])
    with TemporaryDirectory() as scratch, progress_bar(2 * len(runs) * len(references)) as advance:
        folder = Path(scratch) if ask.out is None else ask.out / "audio"
        systems = [
            vocoded(synthesis, n_steps, references, folder / synthesis.name, ask, advance)
            for synthesis, n_steps in runs
        ]
        settings = {"data": request.data.name, "seed": request.seed}
        present(systems, ask, describe_machine(torch.device(request.device)), settings)


def planned(request: Request) -> Iterator[tuple[Synthesis, int]]:
    """Every combination of model, sampler and step count that was asked for."""
    for model in request.models:
        vocoder = Vocoder.from_pretrained(model, device=request.device)
        for sampler in request.samplers:
            vocoder.sampler(sampler)
            for steps in request.steps:
                yield synthesis_of(vocoder, sampler, steps, request), len(vocoder.times(steps)) - 1


def synthesis_of(vocoder: Vocoder, sampler: str | None, steps: int | None, request: Request) -> Synthesis:
    """One way of calling a vocoder, with a name that tells it from the others."""
    n_steps = len(vocoder.times(steps)) - 1
    name = "-".join([vocoder.name, *([sampler] if sampler else []), str(n_steps)])
    return Synthesis(
        name=name,
        spec=vocoder.mel_spec,
        vocode=lambda mel: vocoder(mel, steps=steps, sampler=sampler, seed=request.seed),
        device=torch.device(request.device),
    )


def vocoded(
    synthesis: Synthesis, n_steps: int, references: dict[str, Path], folder: Path, ask: Ask, advance: Callable[[], None]
) -> System:
    """Copy-synthesis and its scores."""
    mels, excluded = read_mels(references, synthesis.spec, resampled=ask.resampled)
    copies = synthesize(synthesis, mels, references, folder, advance)
    rules = replace(ask.rules, f_max=ask.f_max or synthesis.spec.f_top)
    facts = {"n_steps": float(n_steps)} | copies.facts
    return evaluate(
        synthesis.name, copies.pairs, rules, excluded=excluded, rtf=copies.rtf, facts=facts, advance=advance
    )


def present(
    systems: Sequence[System], ask: Ask, machine: dict[str, str | int], settings: dict[str, str | float | None]
) -> None:
    """Print the tables, and write the report if a folder was given for it."""
    if ask.embedding is not None:
        systems = [with_frechet_distance(system, ask) for system in systems]
    record = make_record(systems, machine, settings)
    console = Console(highlight=False)
    print_systems(record, console)
    if ask.out is not None:
        ask.out.mkdir(parents=True, exist_ok=True)
        write_record(ask.out / "report.json", record)
        write_report(ask.out / "report.html", record, systems, ask.rules, examples=ask.examples)
        console.print(f"The report is {ask.out / 'report.html'}", soft_wrap=True)


def with_frechet_distance(system: System, ask: Ask) -> System:
    """The system with one more fact: how far all its embeddings lie from those of the references."""
    assert ask.embedding is not None
    embed = onnx_embedding(ask.embedding, ask.embedding_rate)
    ours, theirs = [], []
    for pair in system.files.values():
        recordings = load_pair(pair, resampled=ask.resampled)
        ours.append(embed(recordings.generated, recordings.sample_rate))
        theirs.append(embed(recordings.reference, recordings.sample_rate))
    distance = frechet_distance(np.concatenate(ours), np.concatenate(theirs))
    return replace(system, facts={**system.facts, "frechet": distance})


def check_ready(ask: Ask) -> None:
    """Raise `ConfigError` without the packages of the extra, `OutputError` where a report would be lost."""
    wanted = [*EXTRA, *(["onnxruntime"] if ask.embedding else [])]
    missing = [name for name in wanted if find_spec(name) is None]
    if missing:
        raise ConfigError(f"evaluating needs {', '.join(missing)}: install audiodiff[eval]")
    if ask.out is not None and (ask.out / "report.json").exists() and not ask.overwrite:
        raise OutputError(f"{ask.out} holds a report already: pass --overwrite to replace it")


def distinct_names(sources: Sequence[Path]) -> list[str]:
    """The last part of every path, or the whole path where two end alike."""
    names = [source.resolve().name for source in sources]
    return [name if names.count(name) == 1 else str(source) for name, source in zip(names, sources, strict=True)]


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[], None]]:
    """A bar on the error stream; yields what moves it on by one."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("measuring", total=total)
        yield lambda: progress.advance(bar)
