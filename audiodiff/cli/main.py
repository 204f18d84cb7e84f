"""The `audiodiff` command."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def audiodiff() -> None:
    """Diffusion vocoders: train them, and turn mels into sound."""


@app.command()
def train(overrides: Annotated[list[str], typer.Argument(help="such as experiment=ljspeech_fast seed=1")]) -> None:
    """Train a model; every setting of conf/ can be overridden by name."""
    from audiodiff.cli.train import run_training

    run_training(overrides)


def main() -> None:
    app()
