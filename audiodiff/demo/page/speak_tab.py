"""The tab Speak: text in, speech out, where an acoustic model is at hand."""

import time
from collections.abc import Mapping

import gradio as gr

from audiodiff.demo.limits import Limits
from audiodiff.demo.page.parts import (
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
)
from audiodiff.demo.page.vocode_tab import Update
from audiodiff.demo.spectrograms import output_pictures
from audiodiff.demo.speech import Speaker, speaking
from audiodiff.demo.takes import pcm
from audiodiff.demo.voices import voice_named
from audiodiff.vocoder import Vocoder


class SpeakTab:
    """The form and the run behind it, or the reason why there is none."""

    def __init__(self, voices: Mapping[str, Vocoder], speaker: Speaker | str, limits: Limits) -> None:
        self.voices, self.speaker, self.limits = voices, speaker, limits

    def build(self) -> None:
        """Lay the tab out and wire it."""
        with gr.Tab("Speak"):
            if isinstance(self.speaker, Speaker):
                self._build_form(self.speaker)
            else:
                gr.Textbox(self.speaker, label="Not available", interactive=False, lines=3, elem_id="silence")

    def _build_form(self, speaker: Speaker) -> None:
        with gr.Row():
            with gr.Column(scale=1):
                fields = [
                    gr.Textbox(label="Text", max_length=self.limits.letters, elem_id="text"),
                    model_field(speaking(self.voices)),
                    sampler_field(),
                    steps_field(self.limits, elem_id="speak-steps"),
                    seed_field(),
                ]
                start = gr.Button("Speak", variant="primary", elem_id="speak")
                cancel = gr.Button("Cancel")
            with gr.Column(scale=2):
                sound = player("Speech", "speech")
                report = report_field("Report")
                pictures = gr.HTML(elem_id="speech-pictures")

        def speak(text: str, model: str, sampler: str, steps: float, seed: float) -> tuple[Update, str, str]:
            with refusals_shown():
                vocoder, started = voice_named(self.voices, model), time.perf_counter()
                wave = pcm(speaker(text, vocoder, settings(sampler, steps, seed), self.limits))
                rate, elapsed = vocoder.sample_rate, time.perf_counter() - started
                report = f"{len(wave) / rate:.2f} s of speech in {elapsed:.2f} s"
                return playable(wave, rate), report, output_pictures(wave, rate, "speech")

        run = start.click(speak, fields, [sound, report, pictures], api_name="speak", **MODEL_QUEUE)
        cancelling(cancel, report, run)
