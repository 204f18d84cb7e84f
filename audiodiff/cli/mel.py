"""`audiodiff mel`: extract, look at, check and convert mel spectrograms."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from audiodiff.bundle.constructors import build
from audiodiff.bundle.format import read_config
from audiodiff.bundle.location import bundle_folder
from audiodiff.cli.mel_files import Outcome, Target
from audiodiff.errors import AudiodiffError, ConfigError
from audiodiff.errors.sentences import words_of
from audiodiff.mel import CONVENTIONS, MelSpec, convention

app = typer.Typer(no_args_is_help=True, help="Mel spectrograms: extract, look at, check and convert them.")
console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

Mels = Annotated[
    list[Path], typer.Argument(help="Mel files, or folders of them: .safetensors .npz .npy .pt .ark .scp .h5")
]
_As = Annotated[str | None, typer.Option("--as", help="The convention of files that do not name their own.")]
Transposed = Annotated[bool, typer.Option("--transposed", help="The files hold [frames, bands].")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")]
Format = Annotated[
    str, typer.Option("--format", help="safetensors, npz, h5 (these name the convention), npy, pt, ark.")
]


@app.command("list")
def list_conventions() -> None:
    """List the mel conventions known by name."""
    from audiodiff.cli.mel_show import print_conventions

    print_conventions(console)


@app.command()
def extract(
    audio: Annotated[list[Path], typer.Argument(help="Audio files, or folders of them.")],
    name: Annotated[str, typer.Option("--convention", "-c", help="Such as hifigan_22k; see `audiodiff mel list`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the mels.")],
    file_format: Format = "safetensors",
    jobs: Annotated[int | None, typer.Option(min=1, help="Files at a time; without it one for each CPU core.")] = None,
    overwrite: _Overwrite = False,
) -> None:
    """Extract the mels of audio files; they are resampled to the convention's rate and mixed to mono."""
    from audiodiff.cli.mel_extract import extract_files

    target = Target(out, file_format, overwrite)
    _report(extract_files(audio, convention(name), target, jobs, console))


@app.command()
def show(
    files: Mels,
    as_name: _As = None,
    picture: Annotated[Path | None, typer.Option(help="Also draw the first mel into this .png or .pdf.")] = None,
    transposed: Transposed = False,
) -> None:
    """Show a mel: its convention, shape and range, and a picture."""
    from audiodiff.cli.mel_show import show_files

    _report(show_files(files, named(as_name), picture, transposed, console))


@app.command()
def check(
    files: Mels,
    model: Annotated[str, typer.Option("--for", help="A model's name or folder, or the name of a convention.")],
    as_name: _As = None,
    transposed: Transposed = False,
) -> None:
    """Say whether mels fit a model, guessing the convention of those that do not name theirs.

    The exit code is 0 if all match or can be converted, 1 if some do not, 2 if none does.
    """
    from audiodiff.cli.mel_check import check_files

    _report(check_files(files, wanted_spec(model), named(as_name), transposed, console))


@app.command()
def convert(
    files: Mels,
    to: Annotated[str, typer.Option("--to", help="The convention wanted, or a model's name or folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the converted mels.")],
    as_name: _As = None,
    approximate: Annotated[
        bool, typer.Option("--approximate", help="Allow conversions that have to estimate, and print their error.")
    ] = False,
    file_format: Format = "safetensors",
    transposed: Transposed = False,
    overwrite: _Overwrite = False,
) -> None:
    """Convert mels to another convention: exactly, or with --approximate as well as can be."""
    from audiodiff.cli.mel_convert import convert_files

    target = Target(out, file_format, overwrite)
    spec = named(as_name)
    _report(convert_files(files, wanted_spec(to), target, spec, approximate, transposed, console))


def named(name: str | None) -> MelSpec | None:
    """The convention of that name, if there is a name."""
    return None if name is None else convention(name)


def wanted_spec(name: str) -> MelSpec:
    """The convention of that name, or the one that a model was trained on."""
    if name in CONVENTIONS:
        return CONVENTIONS[name]
    try:
        spec = build(read_config(bundle_folder(name))["model"]["mel"])
    except Exception as error:  # a stranger's config makes constructors fail in every way there is
        why = error if isinstance(error, AudiodiffError) else words_of(error)
        raise ConfigError(f"{name!r} is neither a mel convention (`audiodiff mel list`) nor a model: {why}") from error
    if not isinstance(spec, MelSpec):
        raise ConfigError(f"the model {name!r} names no mel convention, but a {type(spec).__name__}")
    return spec


def _report(outcome: Outcome) -> None:
    """Print what failed; the exit code is 1 if something did, 2 if nothing else was done."""
    if outcome.failures:
        total = outcome.done + len(outcome.failures)
        errors.print(f"{len(outcome.failures)} of {total} failed:", *outcome.failures, sep="\n  ", markup=False)
        raise typer.Exit(1 if outcome.done else 2)
