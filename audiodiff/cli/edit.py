"""`audiodiff edit`: edits of recordings of single words, by a generator."""

from collections.abc import Callable
from functools import wraps
from inspect import Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Concatenate, ParamSpec

import typer

if TYPE_CHECKING:
    from audiodiff.cli.edit_session import EditSession

app = typer.Typer(no_args_is_help=True, help="Edit recordings of single words with a generator, untrained for it.")

Input = Annotated[Path, typer.Argument(help="An audio file no longer than the model's clips.")]
OutFile = Annotated[Path, typer.Option("--out", "-o", help="The audio file to write; for interpolate a folder.")]
Name = Annotated[str | None, typer.Option(help="What is known of the recording; without it nothing is told.")]
Start = Annotated[float, typer.Option(help="How far into the noise to go, between 0 and 1.")]
Own = ParamSpec("Own")


def open_session(
    model: Annotated[
        str | None, typer.Option(help="A generator's folder or name; without it the spoken digits.")
    ] = None,
    label: Name = None,
    speaker: Name = None,
    guidance: Annotated[float, typer.Option(help="How much label and speaker count.")] = 1.0,
    steps: Annotated[int, typer.Option(min=1, help="Network steps of a whole run.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same result.")] = 0,
) -> "EditSession":
    """Begin with the options that all commands share."""
    from audiodiff.cli.edit_session import EditSession

    return EditSession.of(model, label, speaker, guidance, steps, seed)


def in_session(command: Callable[Concatenate["EditSession", Own], None]) -> Callable[..., None]:
    """Give a command the shared options behind its own, and the session that they describe as its first argument."""
    shared = signature(open_session).parameters
    own = list(signature(command).parameters.values())[1:]

    @wraps(command)
    def run(**given: object) -> None:
        session = open_session(**{name: given.pop(name) for name in shared})  # pyright: ignore[reportArgumentType]
        command(session, **given)  # pyright: ignore[reportCallIssue]

    parameters = [*own, *shared.values()]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": None}
    run.__signature__ = Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
    del run.__wrapped__
    return run


@app.command()
@in_session
def denoise(session: "EditSession", file: Input, out: OutFile, start: Start = 0.9) -> None:
    """Filter out what the generator does not take for speech."""
    session.write(out, session.editor.denoise(session.read(file), start=start))


@app.command()
@in_session
def inpaint(
    session: "EditSession",
    file: Input,
    out: OutFile,
    begin: Annotated[float, typer.Option(min=0, help="Where the gap begins, in seconds.")],
    end: Annotated[float, typer.Option(min=0, help="Where it ends, in seconds.")],
) -> None:
    """Fill a gap by what fits in between."""
    rate = session.sample_rate
    session.write(out, session.editor.inpaint(session.read(file), begin=round(begin * rate), end=round(end * rate)))


@app.command()
@in_session
def extend(
    session: "EditSession",
    file: Input,
    out: OutFile,
    cutoff: Annotated[int, typer.Option(min=1, help="The frequency in hertz above which all is made anew.")],
) -> None:
    """Extend the band of a muffled recording."""
    session.write(out, session.editor.extend_band(session.read(file), cutoff=cutoff))


@app.command()
@in_session
def interpolate(
    session: "EditSession",
    first: Input,
    second: Input,
    out: OutFile,
    n: Annotated[int, typer.Option("--n", min=1, help="How many clips in between.")] = 5,
    start: Start = 0.6,
) -> None:
    """Write clips that lead from one recording to another, and a sheet of their spectrograms."""
    import torch

    from audiodiff.cli.clip_files import check_free, write_clips

    shares = [(i + 1) / (n + 1) for i in range(n)]
    names = [f"{i + 1:02d}" for i in range(n)]
    check_free(out, names, overwrite=False)
    waves = session.editor.interpolate(session.read(first), session.read(second), shares, start=start)
    write_clips(out, names, torch.cat(waves), session.sample_rate)
    typer.echo(f"{n} clips and sheet.png are in {out}")
