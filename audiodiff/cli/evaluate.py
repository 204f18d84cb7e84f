"""`audiodiff evaluate`: what the arguments mean; the work is in `cli.evaluation`."""

from pathlib import Path
from typing import Annotated

import typer

from audiodiff.errors import ConfigError


def evaluate(
    generated: Annotated[
        Path | None, typer.Argument(help="Generated recordings: a folder, a manifest (.jsonl) or one file.")
    ] = None,
    reference: Annotated[Path | None, typer.Argument(help="The recordings that they should sound like.")] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="Another system's recordings, compared in pairs; may be repeated.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Instead of GENERATED: a bundle's folder or name; may be repeated.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="With --model: recordings to vocode, a folder or a manifest.")
    ] = None,
    sampler: Annotated[str | None, typer.Option(help="With --model: samplers, such as ddim,ancestral.")] = None,
    steps: Annotated[str | None, typer.Option(help="With --model: network steps, such as 1,2,4,6.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="With --model: the same seed gives the same waveforms.")] = 0,
    device: Annotated[str, typer.Option(help="With --model: cpu, cuda, cuda:1, mps …")] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; without it torch's own choice.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A folder for report.html, report.json and the audio.")
    ] = None,
    examples: Annotated[int, typer.Option(min=0, help="Utterances with pictures and players in the report.")] = 5,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many utterances.")] = None,
    resample: Annotated[bool, typer.Option("--resample", help="Convert recordings at another sample rate.")] = False,
    f_max: Annotated[
        float | None, typer.Option(help="Where the mel ended, in Hz; without it the model's, or 8000.")
    ] = None,
    max_lag: Annotated[float, typer.Option(min=0, help="How many ms two recordings may be shifted.")] = 50.0,
    embedding: Annotated[
        Path | None, typer.Option(help="An ONNX model, samples to features, for the Fréchet distance.")
    ] = None,
    embedding_rate: Annotated[int, typer.Option(min=1, help="The sample rate of that model.")] = 16000,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a report that is there already.")] = False,
) -> None:
    """Measure generated recordings against their references, or a model's on the recordings of --data."""
    by_files = generated is not None and reference is not None
    if by_files == (model is not None and data is not None) or bool(model) != bool(data):
        raise ConfigError("give either GENERATED and REFERENCE, or --model and --data")

    from audiodiff.cli.evaluation import Ask, Request, evaluate_folders, evaluate_models

    ask = Ask(
        out=out,
        examples=examples,
        limit=limit,
        resampled=resample,
        f_max=f_max,
        max_lag=max_lag / 1000,
        embedding=embedding,
        embedding_rate=embedding_rate,
        overwrite=overwrite,
    )
    if generated is not None and reference is not None:
        evaluate_folders([generated, *(against or [])], reference, ask)
    elif data is not None:
        request = Request(
            models=model or [],
            data=data,
            samplers=words(sampler),
            steps=numbers(steps),
            seed=seed,
            device=device,
            threads=threads,
        )
        evaluate_models(request, ask)


def words(text: str | None) -> list[str | None]:
    """A comma-separated list; no list means the model's own choice."""
    return [None] if text is None else [word.strip() for word in text.split(",")]


def numbers(text: str | None) -> list[int | None]:
    """A comma-separated list of step counts; raises `ConfigError` for anything else."""
    if text is None:
        return [None]
    found = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in found):
        raise ConfigError(f"--steps {text} is no list of step counts: expected whole numbers such as 1,2,4,6")
    return [int(word) for word in found]
