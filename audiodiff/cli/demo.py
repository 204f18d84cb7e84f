"""`audiodiff demo`: a local page to listen."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING, Annotated

import typer

from audiodiff.errors import ConfigError, InputError

if TYPE_CHECKING:
    from audiodiff.demo.speech import Speaker


def demo(
    model: Annotated[
        list[str] | None, typer.Option(help="A bundle's folder or name, once for each; without it all that ship.")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to serve at; 0.0.0.0 lets others in.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Without it the first free one from 7860.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps …")] = "cpu",
) -> None:
    """Open a local page to vocode, compare, generate and speak; it is an HTTP API, too."""
    from audiodiff.demo.limits import Limits
    from audiodiff.demo.voices import load_generator, load_voices

    with own_uploads():  # first, since Gradio looks for its folder when it is imported
        check_gradio()
        limits, voices, generator = Limits(), load_voices(model or [], device), load_generator(device)
        from audiodiff.demo.page.bounds import ShortLines
        from audiodiff.demo.page.server import make_page, serve

        page = make_page(voices, generator, speaker_or_reason(), limits)
        try:
            typer.echo(f"Listen at {serve(page, host, port, limits)} (Ctrl-C stops)")
        except OSError as error:
            raise ConfigError(f"cannot serve at {host}, port {port or '7860 to 7959'}: {error}") from error
        with redirect_stderr(ShortLines(sys.stderr)):
            page.block_thread()


@contextmanager
def own_uploads() -> Iterator[None]:
    """Give Gradio, which serves whatever lies in its folder of uploads, an empty one that goes when the page goes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder goes then, too
    with tempfile.TemporaryDirectory(prefix="audiodiff-demo-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        try:
            yield
        finally:
            del os.environ["GRADIO_TEMP_DIR"]


def check_gradio() -> None:
    """Raise `ConfigError` where Gradio is not installed."""
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"the page needs Gradio ({error}): pip install 'audiodiff[demo]'") from error


def speaker_or_reason() -> "Speaker | str":
    """The text-to-speech model, or the reason why there is none."""
    from audiodiff.demo.speech import load_speaker

    try:
        return load_speaker()
    except InputError as error:
        return str(error)
