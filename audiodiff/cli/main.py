"""The `audiodiff` command."""

import sys
import warnings
from collections.abc import Sized
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from audiodiff.cli import data, edit, mel
from audiodiff.cli.convert import convert
from audiodiff.cli.demo import demo
from audiodiff.cli.evaluate import evaluate
from audiodiff.cli.export import export
from audiodiff.cli.generate import generate
from audiodiff.cli.inspect import inspect
from audiodiff.cli.threads import end_process_group, idle_cores, set_threads
from audiodiff.cli.tune import tune
from audiodiff.errors.sentences import boundary, in_flags
from audiodiff.version import __version__

if TYPE_CHECKING:
    from audiodiff.vocoder import Vocoder

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)

Sources = Annotated[list[Path], typer.Argument(help="Mel files, audio files, folders of them, manifests (.jsonl).")]
Precisions = Annotated[
    Literal["auto", "fp32", "tf32", "bf16"],
    typer.Option(help="auto: bf16 where the device has instructions for it; tf32: for GPUs."),
]
Compiled = Annotated[
    bool, typer.Option("--compile", help="Have the networks compiled, which takes a C or C++ compiler.")
]
_As = Annotated[str | None, typer.Option("--as", help="The convention of mel files that name none; or: model.")]
Conversions = Annotated[
    Literal["exact", "approximate"], typer.Option(help="Which conversions to the model's mels are made.")
]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"audiodiff {__version__}")
        raise typer.Exit


@app.callback()
def audiodiff(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the code an error came from; may stand anywhere.")
    ] = False,
) -> None:
    """Diffusion vocoders: train them, and turn mels into sound."""


@app.command()
def train(
    overrides: Annotated[
        list[str], typer.Argument(help="Settings such as experiment=ljspeech_fast trainer.max_steps=100.")
    ],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run's newest checkpoint: resume=last.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run of the same name: overwrite=true.")
    ] = False,
    multirun: Annotated[
        bool, typer.Option("--multirun", "-m", help="Train every combination of settings such as schedule=vp,cosine.")
    ] = False,
) -> None:
    """Train a model; every setting in conf/ can be overridden by its name."""
    from audiodiff.experiment.run import run_training
    from audiodiff.experiment.sweep import run_sweep

    settings = [*overrides, *["resume=last"] * resume, *["overwrite=true"] * overwrite]
    (run_sweep if multirun else run_training)(settings)


@app.command()
def vocode(
    inputs: Sources,
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder, or one .wav or .flac file.")],
    model: Annotated[str | None, typer.Option(help="A bundle's folder or name; without it the default voice.")] = None,
    sampler: Annotated[str | None, typer.Option(help="Such as ddim or ancestral; without it the model's own.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Network steps; without it the model's own number.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same waveform.")] = 0,
    temperature: Annotated[float, typer.Option(min=0, help="Factor on all noise: 1 as trained, 0 for none.")] = 1.0,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; without it as many as cores idle.")] = None,
    precision: Precisions = "fp32",
    compiled: Compiled = False,
    as_name: _As = None,
    convert: Conversions = "exact",
    transposed: Annotated[bool, typer.Option("--transposed", help="The mel files hold [frames, bands].")] = False,
    resample: Annotated[bool, typer.Option("--resample", help="Resample audio files to the model's rate.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")] = False,
    f0: Annotated[Path | None, typer.Option(help="Hertz of every frame, 0 unvoiced: .npy, or .txt by lines.")] = None,
    transpose: Annotated[float, typer.Option(help="Semitones up, or down where negative.")] = 0.0,
    devices: Annotated[int, typer.Option(min=1, help="Processes on this machine, each with a device.")] = 1,
    num_nodes: Annotated[int, typer.Option(min=1, help="Machines that run this same command.")] = 1,
) -> None:
    """Turn mel files, or audio files by way of their mel, into waveforms; what is done already is left alone."""
    from audiodiff.bulk import find_jobs, model_mark
    from audiodiff.bulk.vocoding import Request, declared_spec, vocode_all

    set_threads(threads or idle_cores())
    vocoder, folder = _loaded(model, precision, compiled=compiled)
    request = Request(
        jobs=find_jobs(inputs, out),
        model=model_mark(folder),
        sampler=sampler,
        steps=steps,
        seed=seed,
        precision=precision,
        spec=declared_spec(as_name, vocoder),
        convert=convert,
        transposed=transposed,
        resample=resample,
        overwrite=overwrite,
        f0=f0,
        transpose=transpose,
        temperature=temperature,
    )
    give_up(vocode_all(vocoder, request, device=device, devices=devices, num_nodes=num_nodes), request.jobs)


def _loaded(model: str | None, precision: Precisions, *, compiled: bool) -> "tuple[Vocoder, Path]":
    """The vocoder of that name or folder, and its folder."""
    from audiodiff.bundle.location import DEFAULT_VOICE, bundle_folder
    from audiodiff.vocoder import Vocoder

    folder = bundle_folder(model or DEFAULT_VOICE)
    vocoder = Vocoder.from_pretrained(folder, precision=precision)
    return (vocoder.compile() if compiled else vocoder), folder


def give_up(failures: list[str], jobs: Sized) -> None:
    """Say what failed, and end with 2 if that was everything, 1 if it was not; go on if nothing did."""
    if failures:
        errors.print(f"{len(failures)} of {len(jobs)} failed:", *failures, sep="\n  ", markup=False)
        raise typer.Exit(2 if len(failures) == len(jobs) else 1)


app.add_typer(mel.app, name="mel")
app.add_typer(data.app, name="data")
app.add_typer(edit.app, name="edit")
app.command()(demo)
app.command()(generate)
app.command()(evaluate)
app.command()(tune)
app.command()(convert)
app.command()(export)
app.command()(inspect)


def say_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Show a warning as one line, without the place in the code that gave it."""
    errors.print(f"note: {in_flags(str(message))}", markup=False)


def main() -> None:
    """Run the command; whatever goes wrong is one sentence and exit code 2, a traceback only with --debug."""
    warnings.showwarning = say_warning
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        boundary(lambda: app(args=arguments), debug="--debug" in sys.argv)
    finally:
        end_process_group()
