"""`audiodiff convert`: another project's checkpoint becomes a bundle."""

from pathlib import Path
from typing import Annotated

import typer


def convert(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint file, or the folder that holds weights.pt.")],
    source: Annotated[
        str | None, typer.Option("--from", help="lmnt, philsyn, speechbrain, priorgrad or bddm; else recognized.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The bundle's folder; else named after it.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="What the checkpoint lacks: its config file, PriorGrad's stats folder.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The bundle's name.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle that is there already.")] = False,
) -> None:
    """Turn a checkpoint of another diffusion vocoder into a bundle that speaks as it did."""
    from dataclasses import replace

    from audiodiff.cli.facts import mel_contract, sampling
    from audiodiff.convert import convert as read

    converted = read(checkpoint, source, config)
    converted = replace(converted, name=name or converted.name)
    folder = out or Path(converted.name)
    check_target(folder, overwrite)
    converted.save(folder)
    typer.echo(f"{checkpoint} ({converted.origin['project']}) -> {folder}")
    typer.echo(f"mel: {mel_contract(converted.model.mel)}")
    typer.echo(f"sampling: {sampling(converted.config, converted.model)}")
    typer.echo(f"Try it: audiodiff vocode MEL --model {folder} -o OUT")


def check_target(folder: Path, overwrite: bool) -> None:
    """Raise `OutputError` unless the folder is new, or a bundle that may be replaced."""
    from audiodiff.bundle.format import CONFIG
    from audiodiff.errors import OutputError

    if not folder.exists():
        return
    if not (folder / CONFIG).is_file():
        raise OutputError(f"{folder} is there already and is no bundle: give another folder")
    if not overwrite:
        raise OutputError(f"{folder} is there already: pass --overwrite to replace it")
