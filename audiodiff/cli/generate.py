"""`audiodiff generate`: clips from a label, a speaker, or nothing."""

from pathlib import Path
from typing import Annotated

import typer

Choices = Annotated[list[str] | None, typer.Option(help="A name or a number; give it once, or once for each clip.")]


def generate(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder that the clips and sheet.png are written to.")],
    model: Annotated[str | None, typer.Option(help="A bundle's folder or name; without it the spoken digits.")] = None,
    label: Choices = None,
    speaker: Choices = None,
    unconditional: Annotated[bool, typer.Option("--unconditional", help="Tell the model nothing.")] = False,
    n: Annotated[int | None, typer.Option("--n", min=1, help="How many clips.")] = None,
    guidance: Annotated[float, typer.Option(help="Above 1: more typical clips, and less varied ones.")] = 1.0,
    classifier: Annotated[
        Path | None, typer.Option(help="A classifier of noisy clips (recipes/fsdd/classifier) as another guide.")
    ] = None,
    classifier_scale: Annotated[float, typer.Option(min=0, help="How much the classifier counts.")] = 1.0,
    steps: Annotated[int | None, typer.Option(min=1, help="Network steps; without it the model's own number.")] = None,
    sampler: Annotated[str | None, typer.Option(help="Such as ddim or heun; without it the model's own.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Clip i is made from seed + i.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")] = "cpu",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")] = False,
) -> None:
    """Generate clips, and a contact sheet of their spectrograms; a label that is not given is drawn."""
    from audiodiff.cli.clip_files import check_free, clip_names, write_clips
    from audiodiff.generation.generator import DEFAULT_GENERATOR, Generator, Guide
    from audiodiff.generation.requests import ConditionRequest, how_many
    from audiodiff.models.word_classifier import load_classifier

    generator = Generator.from_pretrained(model or DEFAULT_GENERATOR, device=device)
    guide = None if classifier is None else Guide(load_classifier(classifier), classifier_scale)
    request = ConditionRequest(label=one_or_many(label), speaker=one_or_many(speaker), unconditional=unconditional)
    seeds = [seed + i for i in range(how_many(n, request.label, request.speaker, None))]
    cond = generator.condition(request, seeds)
    names = clip_names(generator.model, cond, seeds)
    check_free(out, names, overwrite=overwrite)
    waves = generator.waves(generator.denoise(cond, guidance, guide), seeds, n_steps=steps, sampler=sampler)
    write_clips(out, names, waves, generator.sample_rate)
    typer.echo(f"{len(names)} clips of {waves.shape[1] / generator.sample_rate:.2f} s and sheet.png are in {out}")


def one_or_many(given: list[str] | None) -> str | list[str] | None:
    """One value for all clips if it was given once."""
    return given[0] if given is not None and len(given) == 1 else given
