"""The `audiodiff` command."""

import warnings
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from audiodiff.cli import edit, mel
from audiodiff.cli.convert import convert
from audiodiff.cli.demo import demo
from audiodiff.cli.evaluate import evaluate
from audiodiff.cli.generate import generate
from audiodiff.cli.inspect import inspect
from audiodiff.cli.tune import tune
from audiodiff.errors import AudiodiffError
from audiodiff.version import __version__

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"audiodiff {__version__}")
        raise typer.Exit


@app.callback()
def audiodiff(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
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
    multirun: Annotated[
        bool, typer.Option("--multirun", "-m", help="Train every combination of settings such as schedule=vp,cosine.")
    ] = False,
) -> None:
    """Train a model; every setting in conf/ can be overridden by its name."""
    from audiodiff.cli.train import run_training
    from audiodiff.cli.train_sweep import run_sweep

    settings = [*overrides, "resume=last"] if resume else overrides
    (run_sweep if multirun else run_training)(settings)


@app.command()
def vocode(
    inputs: Annotated[list[Path], typer.Argument(help="Mel files (.npy, .pt, .npz, …) or audio files.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder, or one .wav or .flac file.")],
    model: Annotated[str | None, typer.Option(help="A bundle's folder or name; without it the default voice.")] = None,
    sampler: Annotated[str | None, typer.Option(help="Such as ddim or ancestral; without it the model's own.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Network steps; without it the model's own number.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same waveform.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; without it torch's own choice.")] = None,
    as_name: Annotated[
        str | None, typer.Option("--as", help="The convention of mel files that name none; or: model.")
    ] = None,
    convert: Annotated[
        Literal["exact", "approximate"], typer.Option(help="Which conversions to the model's mels are made.")
    ] = "exact",
    transposed: Annotated[bool, typer.Option("--transposed", help="The mel files hold [frames, bands].")] = False,
    resample: Annotated[bool, typer.Option("--resample", help="Resample audio files to the model's rate.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")] = False,
) -> None:
    """Turn mel files, or audio files by way of their mel, into waveforms."""
    from audiodiff.audio import convention
    from audiodiff.cli.vocode import Request, set_threads, vocode_files
    from audiodiff.shelf import DEFAULT
    from audiodiff.vocoder import Vocoder

    set_threads(threads)
    vocoder = Vocoder.from_pretrained(model or DEFAULT, device=device)
    vocoder.sampler(sampler)
    declared = vocoder.mel_spec if as_name == "model" else None if as_name is None else convention(as_name)
    request = Request(
        inputs=inputs,
        out=out,
        sampler=sampler,
        steps=steps,
        seed=seed,
        spec=declared,
        convert=convert,
        transposed=transposed,
        resample=resample,
        overwrite=overwrite,
    )
    failures = vocode_files(vocoder, request, Console(highlight=False))
    if failures:
        errors.print(f"{len(failures)} of {len(inputs)} failed:", *failures, sep="\n  ", markup=False)
        raise typer.Exit(2 if len(failures) == len(inputs) else 1)


app.add_typer(mel.app, name="mel")
app.add_typer(edit.app, name="edit")
app.command()(demo)
app.command()(generate)
app.command()(evaluate)
app.command()(tune)
app.command()(convert)
app.command()(inspect)


def say_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Show a warning as one line, without the place in the code that gave it."""
    errors.print(f"note: {message}", markup=False)


def main() -> None:
    """Run the command; what audiodiff refuses on purpose is one sentence and exit code 2, not a traceback."""
    warnings.showwarning = say_warning
    try:
        app()
    except AudiodiffError as error:
        errors.print(f"audiodiff: {error}", markup=False)
        raise SystemExit(2) from None
