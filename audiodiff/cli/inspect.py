"""`audiodiff inspect`: what a model is."""

from typing import Annotated

import typer


def inspect(
    model: Annotated[str, typer.Argument(help="A bundle's folder or name, or a checkpoint that can be converted.")],
) -> None:
    """Say what a model is: its mel contract, size, sampling, receptive field, licence and origin."""
    from audiodiff.cli.facts import facts_of

    facts = facts_of(model)
    width = max(map(len, facts))
    for name, fact in facts.items():
        typer.echo(f"{name:{width}}  {fact}")
