"""The work of `audiodiff evaluate`: measure systems, print tables, write the report."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from audiodiff.audio.decoding import real_path
from audiodiff.data.perturbation import Perturbation
from audiodiff.errors import ConfigError, OutputError
from audiodiff.evaluation.copy_synthesis import Synthesis, read_mels, synthesize
from audiodiff.evaluation.distribution import Embed, frechet_distance, onnx_embedding
from audiodiff.evaluation.pairs import find_pairs, load_pair, recordings_in
from audiodiff.evaluation.record import Record, make_record, write_record
from audiodiff.evaluation.report import write_report
from audiodiff.evaluation.robustness import Slopes, perturbed, slopes
from audiodiff.evaluation.systems import Rules, System, evaluate
from audiodiff.evaluation.tables import print_systems
from audiodiff.evaluation.timing import describe_machine
from audiodiff.mel.contract import MelContractWarning
from audiodiff.types import Hertz, OneMel, OneWave
from audiodiff.vocoder import Vocoder

__all__ = ["EvaluationPlan", "Output", "Rules", "evaluate_folders", "evaluate_models"]

EXTRA = ("auraloss", "matplotlib", "pesq", "pystoi", "pyworld", "scipy")
Advance = Callable[[], None]


@dataclass(frozen=True)
class Output:
    """Place and extent of the results."""

    folder: Path | None
    examples: int
    overwrite: bool
    embedding: Path | None
    embedding_rate: Hertz


@dataclass(frozen=True)
class EvaluationPlan:
    """Models, recordings, samplers and step counts to evaluate; None is the model's own.

    Each is run once more for every one of the perturbations of the mels.
    """

    models: Sequence[str]
    data: Path
    limit: int | None
    samplers: Sequence[str | None]
    steps: Sequence[int | None]
    seed: int
    device: str
    perturbations: Sequence[Perturbation] = ()


def evaluate_folders(
    generated: Sequence[Path], reference: Path, limit: int | None, rules: Rules, output: Output
) -> None:
    """Measure every folder, manifest or file of `generated` against `reference`."""
    check_ready(output)
    found = [find_pairs(source, reference) for source in generated]
    names = distinct_names(generated)
    with progress_bar(sum(len(pairs[:limit]) for pairs, _ in found)) as advance:
        systems = [
            evaluate(name, pairs[:limit], rules, excluded=excluded, advance=advance)
            for name, (pairs, excluded) in zip(names, found, strict=True)
        ]
    settings = {"references": str(reference), "f_max": rules.f_max}
    present(systems, rules, output, make_settings("cpu", settings))


def evaluate_models(choice: EvaluationPlan, rules: Rules, output: Output) -> None:
    """Vocode the recordings with every model, sampler and step count, and measure what comes out."""
    check_ready(output)
    runs = list(planned(choice))
    check_distinct(run.name for run in runs)
    references = dict(list(recordings_in(choice.data).items())[: choice.limit])
    settings = {"data": str(choice.data), "seed": choice.seed}
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) if output.folder is None else output.folder / "audio"
        with progress_bar(2 * len(runs) * len(references)) as advance:
            systems = [vocoded(run, references, folder / run.name, rules, choice.seed, advance) for run in runs]
        present(systems, rules, output, make_settings(choice.device, settings), all_slopes(systems, choice))


def all_slopes(systems: Sequence[System], choice: EvaluationPlan) -> list[Slopes]:
    """The slopes of every clean system, which the perturbed ones follow."""
    if not choice.perturbations:
        return []
    step = 1 + len(choice.perturbations)
    found = []
    for clean, *others in (systems[i : i + step] for i in range(0, len(systems), step)):
        found += slopes(clean, list(zip(choice.perturbations, others, strict=True)))
    return found


def planned(choice: EvaluationPlan) -> Iterator[Synthesis]:
    """Every combination of model, sampler and step count that was asked for, each followed by its perturbed ones."""
    for model in choice.models:
        vocoder = Vocoder.from_pretrained(model, device=choice.device)
        for sampler in choice.samplers:
            vocoder.sampler(sampler)
            for steps in choice.steps:
                run = synthesis_of(vocoder, sampler, steps, choice)
                yield run
                for perturbation in choice.perturbations:
                    yield replace(run, name=f"{run.name}+{perturbation}", perturbation=perturbation)


def synthesis_of(vocoder: Vocoder, sampler: str | None, steps: int | None, choice: EvaluationPlan) -> Synthesis:
    """One way of calling a vocoder, with a name that tells it from the others."""
    n_steps = len(vocoder.times(steps)) - 1

    def vocode(mel: OneMel) -> OneWave:
        with warnings.catch_warnings():
            # mels are computed here, and some are perturbed on purpose: what they look like says nothing
            warnings.simplefilter("ignore", MelContractWarning)
            return vocoder(mel, n_steps=steps, sampler=sampler, seed=choice.seed, spec=vocoder.mel_spec)

    return Synthesis(
        name="-".join([vocoder.name, *([sampler] if sampler else []), str(n_steps)]),
        spec=vocoder.mel_spec,
        vocode=vocode,
        n_steps=n_steps,
        device=torch.device(choice.device),
    )


def vocoded(
    run: Synthesis, references: dict[str, Path], folder: Path, rules: Rules, seed: int, advance: Advance
) -> System:
    """Copy-synthesis and its scores; `seed` is that of the mels' noise."""
    mels, excluded = read_mels(references, run.spec, resampled=rules.resampled)
    if run.perturbation is not None:
        mels = {name: perturbed(mel, run.spec, run.perturbation, seed) for name, mel in mels.items()}
    copies = synthesize(run, mels, references, folder, advance)
    rules = replace(rules, f_max=rules.f_max or run.spec.f_top)
    return evaluate(
        run.name, copies.pairs, rules, excluded=excluded, rtf=copies.rtf, facts=copies.facts, advance=advance
    )


def make_settings(device: str, settings: Record) -> Record:
    """Circumstances that results depend on: the machine and the settings."""
    return {"machine": describe_machine(torch.device(device)), "settings": settings}


def present(
    systems: Sequence[System], rules: Rules, output: Output, circumstances: Record, found: Sequence[Slopes] = ()
) -> None:
    """Print the tables, and write the report if a folder was given for it."""
    if output.embedding is not None:
        embed = onnx_embedding(output.embedding, output.embedding_rate)
        systems = [with_frechet_distance(system, embed, rules) for system in systems]
    record = make_record(systems, **circumstances, robustness=found)
    console = Console(highlight=False)
    print_systems(record, console)
    if output.folder is not None:
        write_record(output.folder / "report.json", record)
        write_report(output.folder / "report.html", record, systems, rules, examples=output.examples)
        console.print(f"The report is {output.folder / 'report.html'}", soft_wrap=True)


def with_frechet_distance(system: System, embed: Embed, rules: Rules) -> System:
    """The system with one more fact: how far all its embeddings lie from those of the references."""
    ours, theirs = [], []
    for pair in system.files.values():
        recordings = load_pair(pair, resampled=rules.resampled)
        ours.append(embed(recordings.generated, recordings.sample_rate))
        theirs.append(embed(recordings.reference, recordings.sample_rate))
    distance = frechet_distance(np.concatenate(ours), np.concatenate(theirs))
    return replace(system, facts={**system.facts, "frechet": distance})


def check_ready(output: Output) -> None:
    """Raise `ConfigError` without the packages of the extra, `OutputError` where a report would be lost."""
    wanted = [*EXTRA, *(["onnxruntime"] if output.embedding else [])]
    missing = [name for name in wanted if find_spec(name) is None]
    if missing:
        raise ConfigError(f"evaluating needs {', '.join(missing)}: install audiodiff[eval]")
    if output.folder is not None and (output.folder / "report.json").exists() and not output.overwrite:
        raise OutputError(f"{output.folder} holds a report already: pass --overwrite to replace it")
    if output.folder is not None:
        try:
            output.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {output.folder}: {error.strerror}") from error


def check_distinct(names: Iterable[str]) -> None:
    """Raise `ConfigError` when two systems would have one name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(f"two systems would be called {twice[0]}: give different models, samplers and steps")


def distinct_names(sources: Sequence[Path]) -> list[str]:
    """The last part of every path, or the whole path where two end alike."""
    names = [real_path(source).name for source in sources]
    return [name if names.count(name) == 1 else str(source) for name, source in zip(names, sources, strict=True)]


@contextmanager
def progress_bar(total: int) -> Iterator[Advance]:
    """A bar on the error stream; yields what moves it on by one."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("measuring", total=total)
        yield lambda: progress.advance(bar)
