"""The tab Vocode: a file in, the sound after every step out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from audiodiff.demo.limits import Limits
from audiodiff.demo.page.parts import (
    DRAWING_QUEUE,
    MODEL_QUEUE,
    cancelling,
    model_field,
    playable,
    player,
    refusals_shown,
    report_field,
    sampler_field,
    seed_field,
    settings,
    steps_field,
    upload_box,
    uploaded,
)
from audiodiff.demo.spectrograms import comparison_pictures, output_pictures
from audiodiff.demo.takes import Pcm, Take, pcm, takes
from audiodiff.demo.upload import MODELS_OWN, UNSAID, Reading, open_upload
from audiodiff.demo.voices import voice_named
from audiodiff.errors import InputError
from audiodiff.mel import CONVENTIONS
from audiodiff.vocoder import Vocoder

Update = Any
"""Output for a Gradio component: its value, or a change of its properties."""

FORGOTTEN = "this result is no longer kept: press Vocode again"


@dataclass(frozen=True)
class Heard:
    """A visitor's result as it is kept for the page, and the recording that its mel came from, if any."""

    take: Take
    reference: Pcm | None


class VocodeTab:
    """The form, the run behind it, and what becomes of the result."""

    def __init__(self, voices: Mapping[str, Vocoder], limits: Limits) -> None:
        self.voices, self.limits = voices, limits

    def build(self) -> None:
        """Lay the tab out and wire it."""
        with gr.Tab("Vocode"), gr.Row():
            with gr.Column(scale=1):
                fields = self._form()
                start = gr.Button("Vocode", variant="primary", elem_id="vocode")
                cancel = gr.Button("Cancel", elem_id="cancel")
            with gr.Column(scale=2):
                sound = player("Output", "output")
                report = report_field("Report")
                heard = gr.State(time_to_live=1800)
                reference = player("Reference", "reference")
                pictures = gr.HTML(elem_id="pictures")
                step = gr.Slider(
                    1, 2, step=1, interactive=False, label="Listen to the sound after step …", elem_id="step"
                )
                step_sound = player("After that step", "step-sound")
                step_pictures = gr.HTML(elem_id="step-pictures")
        run = start.click(self.vocode, fields, [sound, report, heard], api_name="vocode", **MODEL_QUEUE)
        show = run.success(self.show, heard, [reference, pictures, step], **DRAWING_QUEUE)
        step.change(
            self.show_step, [heard, step], [step_sound, step_pictures], trigger_mode="always_last", **DRAWING_QUEUE
        )
        cancelling(cancel, report, run, show)

    def _form(self) -> list[Component]:
        file = upload_box(f"Audio or mel file, at most {self.limits.duration:g} s", "file")
        fields = [file, model_field(self.voices), sampler_field(), steps_field(self.limits), seed_field()]
        with gr.Accordion("A mel file's convention", open=False):
            convention = gr.Dropdown(
                [UNSAID, MODELS_OWN, *CONVENTIONS], value=UNSAID, label="Convention (--as on the command line)"
            )
            approximate = gr.Checkbox(label="Estimate what no formula converts (--convert approximate)")
            transposed = gr.Checkbox(label="The file holds [frames, bands] (--transposed)")
        return [*fields, convention, approximate, transposed]

    def vocode(
        self,
        file: str | None,
        model: str,
        sampler: str,
        steps: float,
        seed: float,
        convention: str,
        approximate: bool,
        transposed: bool,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio finds it by its default)
    ) -> Iterator[tuple[Update, str, Heard | None]]:
        """Vocode a file; yield a report after every step, and the sound at the end."""
        with refusals_shown():
            vocoder = voice_named(self.voices, model)
            reading = Reading(
                convention=convention, transposed=transposed, convert="approximate" if approximate else "exact"
            )
            upload = open_upload(uploaded(file), reading, vocoder.mel_spec, self.limits)
            reference = None if upload.reference is None else pcm(upload.reference)
            for take in takes(vocoder, upload.mel, settings(sampler, steps, seed), self.limits):
                report = f"{upload.name}: {take}\nThe mel: {upload.verdict}"
                progress((take.taken, take.n_steps), unit="steps")
                sound = playable(take.wave, take.sample_rate) if take.done else gr.skip()
                yield sound, report, Heard(take, reference) if take.done else None

    def show(self, heard: Heard | None) -> tuple[Update, str, gr.Slider]:
        """The reference to listen to, the pictures, and a slider over the steps."""
        with refusals_shown():
            take = kept(heard).take
            reference = kept(heard).reference
            slider = gr.Slider(1, max(2, take.n_steps), value=1, interactive=take.n_steps > 1)
            if reference is None:
                return None, output_pictures(take.wave, take.sample_rate), slider
            sound = playable(reference, take.sample_rate)
            return sound, comparison_pictures(reference, take.wave, take.sample_rate), slider

    def show_step(self, heard: Heard | None, step: float) -> tuple[Update, str]:
        """The sound after one step."""
        with refusals_shown():
            take = kept(heard).take
            wave = take.states[min(int(step), take.n_steps) - 1]
            return playable(wave, take.sample_rate), output_pictures(wave, take.sample_rate, f"after step {step:g}")


def kept(heard: Heard | None) -> Heard:
    """The result, unless the server has forgotten it; then raises `InputError`."""
    if heard is None:
        raise InputError(FORGOTTEN)
    return heard
