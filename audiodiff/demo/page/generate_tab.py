"""The tab Generate: clips from a label."""

import time

import gradio as gr

from audiodiff.demo.digits import strung
from audiodiff.demo.limits import Limits
from audiodiff.demo.page.parts import (
    MODEL_QUEUE,
    cancelling,
    playable,
    player,
    refusals_shown,
    report_field,
    seed_field,
    steps_field,
)
from audiodiff.demo.page.vocode_tab import Update
from audiodiff.demo.spectrograms import output_pictures
from audiodiff.demo.takes import pcm
from audiodiff.generation.generator import Generator

ANY = "any"


class GenerateTab:
    """The form, and the run behind it."""

    def __init__(self, generator: Generator, limits: Limits) -> None:
        self.generator, self.limits = generator, limits

    def build(self) -> None:
        """Lay the tab out and wire it."""
        model = self.generator.model
        with gr.Tab("Generate"), gr.Row():
            with gr.Column(scale=1):
                fields = [
                    gr.Dropdown([ANY, *model.labels], value=ANY, label="Label"),
                    gr.Dropdown([ANY, *model.speakers], value=ANY, label="Speaker", visible=bool(model.speakers)),
                    gr.Slider(1, self.limits.clips, value=4, step=1, label="Clips"),
                    gr.Slider(1, 5, value=1, step=0.1, label="Guidance (above 1: more typical, less varied)"),
                    steps_field(self.limits, elem_id="generate-steps"),
                    seed_field(),
                ]
                start = gr.Button("Generate", variant="primary", elem_id="generate")
                cancel = gr.Button("Cancel")
            with gr.Column(scale=2):
                sound = player("Clips, one after the other", "generated")
                report = report_field("Report")
                pictures = gr.HTML(elem_id="generated-pictures")
        run = start.click(self.generate, fields, [sound, report, pictures], api_name="generate", **MODEL_QUEUE)
        cancelling(cancel, report, run)

    def generate(
        self, label: str, speaker: str, n: float, guidance: float, steps: float, seed: float
    ) -> tuple[Update, str, str]:
        """Clips of one label, strung together."""
        with refusals_shown():
            self.limits.check_clips(int(n))
            self.limits.check_steps(int(steps) or None)
            started = time.perf_counter()
            waves = self.generator(
                label=None if label == ANY else label,
                speaker=None if speaker == ANY else speaker,
                n=int(n),
                guidance=guidance,
                n_steps=int(steps) or None,
                seed=int(seed),
            )
            elapsed = time.perf_counter() - started
            rate = self.generator.sample_rate
            wave = pcm(strung(waves, rate))
            report = f"{len(waves)} clips of {waves.shape[1] / rate:.2f} s in {elapsed:.2f} s"
            return playable(wave, rate), report, output_pictures(wave, rate, "clips")
