"""`audiodiff data`: examine corpora, and pack them for training on many machines."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from audiodiff.types import Seconds

app = typer.Typer(no_args_is_help=True, help="Corpora: examine recordings, pack them into shards.")
console = Console(highlight=False)


@app.command()
def check(
    source: Annotated[Path, typer.Argument(help="A folder of audio files, or a manifest (.jsonl).")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A folder for report.json and report.png.")] = None,
    fix: Annotated[
        Path | None, typer.Option(help="Write a manifest (.jsonl) of the good recordings; audio is never touched.")
    ] = None,
    shortest: Annotated[Seconds, typer.Option(min=0, help="Seconds.")] = 0.1,
    longest: Annotated[Seconds, typer.Option(min=0, help="Seconds.")] = 60.0,
    bandwidth: Annotated[
        float, typer.Option(min=0, max=1, help="Least effective bandwidth, as a share of half the sample rate.")
    ] = 0.75,
    jobs: Annotated[int | None, typer.Option(min=1, help="Files at a time; without it one for each CPU core.")] = None,
) -> None:
    """Find recordings that would harm a training: broken, silent, clipped, band-limited, doubled …

    The exit code is 0 if all recordings are good, 1 if some are not, 2 if none is.
    """
    from audiodiff.cli.data_check import check_corpus
    from audiodiff.data.doctor import CorpusLimits

    limits = CorpusLimits(shortest=shortest, longest=longest, bandwidth=bandwidth)
    report = check_corpus(source, limits, jobs=jobs, out=out, fix=fix, console=console)
    if report["good"] < report["recordings"]:
        raise typer.Exit(1 if report["good"] else 2)


@app.command()
def shard(
    manifest: Annotated[Path, typer.Argument(help="A manifest (.jsonl), such as train.jsonl of a recipe.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder for the shards; it must not hold any yet.")],
    size: Annotated[float, typer.Option(min=0.001, help="Seconds of sound in a shard, about.")] = 3600.0,
) -> None:
    """Pack the recordings of a manifest into tar shards that training can stream from a disk or a server."""
    from audiodiff.data.manifest import read_manifest
    from audiodiff.data.shards import write_shards

    shards = write_shards(read_manifest(manifest), out, seconds=size)
    n_recordings = sum(len(shard.recordings) for shard in shards)
    console.print(f"{out}: {len(shards)} shards, {n_recordings} recordings", soft_wrap=True)
