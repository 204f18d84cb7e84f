"""Parts that several tabs share: fields, the box that files are dropped in, and how a refusal reaches the page."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from pathlib import Path

import gradio as gr
from gradio.events import Dependency

from audiodiff.demo.limits import Limits
from audiodiff.demo.takes import Pcm, Settings
from audiodiff.diffusion import SAMPLERS
from audiodiff.errors import AudiodiffError, InputError
from audiodiff.types import Hertz
from audiodiff.vocoder import Vocoder

MODEL_QUEUE = {"concurrency_id": "model", "concurrency_limit": 1}
"""Whatever runs a network waits in one line, so that memory is that of one run however many visitors there are."""

DRAWING_QUEUE = {"concurrency_id": "drawing", "concurrency_limit": 2, "api_visibility": "private"}

OWN = "the model's own"


def upload_box(label: str, elem_id: str) -> gr.File:
    """A place to drop one file; the server never fetches one from elsewhere, whatever a client asks for."""
    box = gr.File(label=label, elem_id=elem_id)
    take = box.async_move_resource_to_block_cache

    async def take_uploads_only(url_or_file_path: str | Path | None) -> str | None:
        if "://" in str(url_or_file_path):
            raise gr.Error("Upload the file: this page fetches none from addresses.", print_exception=False)
        return await take(url_or_file_path)

    box.async_move_resource_to_block_cache = take_uploads_only  # not in a subclass: Gradio writes files beside those
    return box


@contextmanager
def refusals_shown() -> Iterator[None]:
    """Let what is refused appear in the page, as text, until it is closed; what nobody foresaw by its kind alone."""
    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        known = isinstance(error, AudiodiffError)
        text = str(error) if known else f"unforeseen {type(error).__name__}: please report it, with the file if you may"
        if not known:
            traceback.print_tb(error.__traceback__)  # without its message, which may hold what was sent
        text = escape(text, quote=False)
        raise gr.Error(text, duration=None, title="Not possible", print_exception=False) from error


def uploaded(file: str | None) -> Path:
    """Path of the upload; raises `InputError` if there is none."""
    if file is None:
        raise InputError("there is no file yet: drop an audio or mel file into the box, or click into it")
    return Path(file)


def settings(sampler: str, steps: float | None, seed: float | None) -> Settings:
    """Settings from the fields of a form."""
    return Settings(
        sampler=None if sampler == OWN else sampler, steps=int(steps) if steps else None, seed=int(seed or 0)
    )


def model_field(voices: Mapping[str, Vocoder]) -> gr.Dropdown:
    """Field for the model."""
    return gr.Dropdown(list(voices), value=next(iter(voices)), label="Model")


def sampler_field(label: str = "Sampler") -> gr.Dropdown:
    """Field for the sampler."""
    return gr.Dropdown([OWN, *sorted(SAMPLERS)], value=OWN, label=label)


def steps_field(limits: Limits, label: str = "Steps (0: the model's own number)", elem_id: str = "steps") -> gr.Slider:
    """Field for the number of network steps."""
    return gr.Slider(0, limits.steps, value=0, step=1, label=label, elem_id=elem_id)


def seed_field() -> gr.Number:
    """Field for the seed."""
    return gr.Number(0, precision=0, minimum=0, maximum=2**31 - 1, label="Seed")


def report_field(label: str) -> gr.Textbox:
    """Plain text, whatever it contains."""
    return gr.Textbox(label=label, interactive=False, lines=2, max_lines=8)


def player(label: str, elem_id: str) -> gr.Audio:
    """Sound to play and to download."""
    return gr.Audio(label=label, interactive=False, format="wav", elem_id=elem_id, buttons=["download"])


def cancelling(button: gr.Button, report: gr.Textbox, *runs: Dependency) -> None:
    """Let a button stop the runs of whoever presses it, and say so once they have stopped."""
    stopped = button.click(None, cancels=list(runs), api_visibility="private")
    stopped.then(lambda: "Cancelled.", None, report, queue=False, api_visibility="private")


def playable(wave: Pcm, sample_rate: Hertz) -> tuple[Hertz, Pcm]:
    """Sound as a player takes it."""
    return sample_rate, wave
