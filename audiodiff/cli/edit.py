"""`audiodiff edit`: what a generator can do to recordings of single words."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Edit recordings of single words with a generator, untrained for it.")

Input = Annotated[Path, typer.Argument(help="An audio file no longer than the model's clips.")]
_Out = Annotated[Path, typer.Option("--out", "-o", help="The audio file to write; for interpolate a folder.")]
_Model = Annotated[str | None, typer.Option(help="A generator's folder or name; without it the spoken digits.")]
Name = Annotated[str | None, typer.Option(help="What is known of the recording; without it nothing is told.")]
Start = Annotated[float, typer.Option(help="How far into the noise to go, between 0 and 1.")]
_Steps = Annotated[int, typer.Option(min=1, help="Network steps of a whole run.")]
_Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same result.")]
Guidance = Annotated[float, typer.Option(help="How much label and speaker count.")]


@app.command()
def denoise(
    file: Input,
    out: _Out,
    start: Start = 0.9,
    model: _Model = None,
    label: Name = None,
    speaker: Name = None,
    guidance: Guidance = 1.0,
    steps: _Steps = 50,
    seed: _Seed = 0,
) -> None:
    """Filter out what the generator does not take for speech."""
    from audiodiff.cli.edit_session import EditSession

    session = EditSession.of(model, label, speaker, guidance, steps, seed)
    session.write(out, session.editor.denoise(session.read(file), start=start))


@app.command()
def inpaint(
    file: Input,
    out: _Out,
    begin: Annotated[float, typer.Option(min=0, help="Where the gap begins, in seconds.")],
    end: Annotated[float, typer.Option(min=0, help="Where it ends, in seconds.")],
    model: _Model = None,
    label: Name = None,
    speaker: Name = None,
    guidance: Guidance = 1.0,
    steps: _Steps = 50,
    seed: _Seed = 0,
) -> None:
    """Fill a gap by what fits in between."""
    from audiodiff.cli.edit_session import EditSession

    session = EditSession.of(model, label, speaker, guidance, steps, seed)
    rate = session.sample_rate
    session.write(out, session.editor.inpaint(session.read(file), begin=round(begin * rate), end=round(end * rate)))


@app.command()
def extend(
    file: Input,
    out: _Out,
    cutoff: Annotated[int, typer.Option(min=1, help="The frequency in hertz above which all is made anew.")],
    model: _Model = None,
    label: Name = None,
    speaker: Name = None,
    guidance: Guidance = 1.0,
    steps: _Steps = 50,
    seed: _Seed = 0,
) -> None:
    """Extend the band of a muffled recording."""
    from audiodiff.cli.edit_session import EditSession

    session = EditSession.of(model, label, speaker, guidance, steps, seed)
    session.write(out, session.editor.extend_band(session.read(file), cutoff=cutoff))


@app.command()
def interpolate(
    first: Input,
    second: Input,
    out: _Out,
    n: Annotated[int, typer.Option("--n", min=1, help="How many clips in between.")] = 5,
    start: Start = 0.6,
    model: _Model = None,
    label: Name = None,
    speaker: Name = None,
    guidance: Guidance = 1.0,
    steps: _Steps = 50,
    seed: _Seed = 0,
) -> None:
    """Write clips that lead from one recording to another, and a sheet of their spectrograms."""
    import torch

    from audiodiff.cli.clip_files import check_free, write_clips
    from audiodiff.cli.edit_session import EditSession

    session = EditSession.of(model, label, speaker, guidance, steps, seed)
    shares = [(i + 1) / (n + 1) for i in range(n)]
    names = [f"{i + 1:02d}" for i in range(n)]
    check_free(out, names, overwrite=False)
    waves = session.editor.interpolate(session.read(first), session.read(second), shares, start=start)
    write_clips(out, names, torch.cat(waves), session.sample_rate)
    typer.echo(f"{n} clips and sheet.png are in {out}")
