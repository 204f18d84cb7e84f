"""`audiodiff export`: a bundle becomes a file that other runtimes run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from audiodiff.export.weight_storage import Weights

if TYPE_CHECKING:
    from audiodiff.bundle.format import Bundle

ExportFormat = Literal["onnx", "torch-export"]
GraphPart = Literal["sampler", "network"]

SUFFIX: dict[ExportFormat, str] = {"onnx": ".onnx", "torch-export": ".pt2"}


def export(
    model: Annotated[str, typer.Argument(help="A bundle's folder or name.")],
    to: Annotated[
        ExportFormat, typer.Option(help="onnx runs without PyTorch, torch-export without audiodiff.")
    ] = "onnx",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file; else named after the bundle.")] = None,
    part: Annotated[
        GraphPart, typer.Option(help="sampler: mel to waveform; network: one call of it (ONNX).")
    ] = "sampler",
    sampler: Annotated[str | None, typer.Option(help="Such as ddim or ancestral; else the model's own.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Network steps; else the model's own number.")] = None,
    weights: Annotated[Weights, typer.Option(help="Of an ONNX file; fp16 and int8 round them.")] = "exact",
    mel: Annotated[str | None, typer.Option("--as", help="The convention, of a voice for every mel.")] = None,
    frames: Annotated[int | None, typer.Option(min=2, help="Only mels of so many, one at a time; else any.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a model, its sampler unrolled, as an ONNX graph or a torch.export program, for mels of any length."""
    from audiodiff.errors import OutputError
    from audiodiff.export.onnx import export_network, export_sampler
    from audiodiff.export.torch_program import export_program
    from audiodiff.vocoder import Vocoder

    bundle = _bundle(model, mel)
    vocoder = Vocoder(bundle)
    path = out or Path(vocoder.name + SUFFIX[to])
    if path.exists() and not overwrite:
        raise OutputError(f"{path} is there already: pass --overwrite to replace it")
    _check_options(to, part, weights, frames, sampler, steps)
    if part == "network":
        export_network(path, bundle, weights)
    elif to == "onnx":
        export_sampler(path, bundle, vocoder.sampler(sampler), vocoder.times(steps), weights, frames)
    else:
        export_program(path, bundle, vocoder.sampler(sampler), vocoder.times(steps), frames)
    typer.echo(f"{vocoder.name} -> {path} ({path.stat().st_size / 1e6:.1f} MB)")


def _bundle(model: str, mel: str | None) -> "Bundle":
    """The model, for a convention if one is named."""
    from audiodiff.bundle.for_mel import bundle_for
    from audiodiff.bundle.format import load_bundle
    from audiodiff.bundle.location import bundle_folder
    from audiodiff.mel import convention

    bundle = load_bundle(bundle_folder(model))
    return bundle if mel is None else bundle_for(bundle, convention(mel))


def _check_options(
    to: ExportFormat, part: GraphPart, weights: Weights, frames: int | None, sampler: str | None, steps: int | None
) -> None:
    """Raise `ConfigError` for options that do not go together."""
    from audiodiff.errors import ConfigError

    if to != "onnx" and (part != "sampler" or weights != "exact"):
        raise ConfigError("--part network and --weights are for ONNX: leave them out, or --to")
    if part == "network" and (frames, sampler, steps) != (None, None, None):
        raise ConfigError("--frames, --sampler and --steps are for the whole model: leave them out, or --part")
