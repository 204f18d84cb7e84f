"""The tab Compare: two ways of sampling side by side, or blind."""

from collections.abc import Iterator, Mapping
from random import SystemRandom

import gradio as gr
from gradio.components import Component

from audiodiff.demo.limits import Limits
from audiodiff.demo.listening import Preference, Tally, Trial
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
from audiodiff.demo.page.vocode_tab import FORGOTTEN, Update
from audiodiff.demo.spectrograms import output_pictures
from audiodiff.demo.takes import Settings, Take, takes
from audiodiff.demo.upload import Reading, open_upload
from audiodiff.demo.voices import voice_named
from audiodiff.errors import InputError
from audiodiff.types import OneMel
from audiodiff.vocoder import Vocoder

BLIND = "Listen to both, then say which one is better."
VOTES: Mapping[str, Preference] = {
    "The first is better": "first",
    "No difference": "same",
    "The second is better": "second",
}


class CompareTab:
    """The form, the two runs behind it, and the vote on them."""

    def __init__(self, voices: Mapping[str, Vocoder], limits: Limits) -> None:
        self.voices, self.limits, self.random = voices, limits, SystemRandom()

    def build(self) -> None:
        """Lay the tab out and wire it."""
        with gr.Tab("Compare"), gr.Row():
            with gr.Column(scale=1):
                fields = self._form()
                start = gr.Button("Compare", variant="primary", elem_id="compare")
                cancel = gr.Button("Cancel")
            with gr.Column(scale=2):
                with gr.Row():
                    sounds = [player("First", "first"), player("Second", "second")]
                report = report_field("Report")
                trial, tally = gr.State(time_to_live=1800), gr.State(Tally())
                with gr.Row():
                    votes = {gr.Button(label): choice for label, choice in VOTES.items()}
                again = gr.Button("Next round, in a new random order")
                score = gr.Textbox(str(Tally()), label="Tally", interactive=False, elem_id="tally")
                pictures = gr.HTML(elem_id="compared")
        run = start.click(self.compare, fields, [*sounds, report, trial], api_name="compare", **MODEL_QUEUE)
        show = run.success(self.show, [trial, fields[-1]], pictures, **DRAWING_QUEUE)
        cancelling(cancel, report, run, show)
        again.click(self.shuffle, trial, [*sounds, report, trial, pictures], **DRAWING_QUEUE)
        for button, choice in votes.items():
            voted = [trial, tally, gr.State(choice)]
            button.click(self.vote, voted, [trial, tally, score, report, pictures], **DRAWING_QUEUE)

    def _form(self) -> list[Component]:
        return [
            upload_box(f"Audio or mel file, at most {self.limits.duration:g} s", "compare-file"),
            model_field(self.voices),
            sampler_field("A: sampler"),
            steps_field(self.limits, "A: steps (0: the model's own number)", "steps-a"),
            sampler_field("B: sampler"),
            steps_field(self.limits, "B: steps (0: the model's own number)", "steps-b"),
            seed_field(),
            gr.Checkbox(label="Blind: in a random order, without names", elem_id="blind"),
        ]

    def compare(
        self,
        file: str | None,
        model: str,
        sampler_a: str,
        steps_a: float,
        sampler_b: str,
        steps_b: float,
        seed: float,
        blind: bool,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (Gradio finds it by its default)
    ) -> Iterator[tuple[Update, Update, str, Trial | None]]:
        """Sample twice from the same mel and the same noise; blind, the order is drawn."""
        with refusals_shown():
            vocoder = voice_named(self.voices, model)
            upload = open_upload(uploaded(file), Reading(), vocoder.mel_spec, self.limits)
            both = settings(sampler_a, steps_a, seed), settings(sampler_b, steps_b, seed)
            done: list[Take] = []
            for name, each in zip("AB", both, strict=True):
                for take in self._run(vocoder, upload.mel, each):
                    progress((take.taken, take.n_steps), desc=name, unit="steps")
                    yield gr.skip(), gr.skip(), f"Sampling {len(done) + 1} of 2: {take}", None
                    if take.done:
                        done.append(take.without_history())
            trial = Trial(both, (done[0], done[1]))
            trial = trial.shuffled(self.random) if blind else trial
            yield *played(trial), BLIND if blind else trial.revealed(), trial

    def _run(self, vocoder: Vocoder, mel: OneMel, settings: Settings) -> Iterator[Take]:
        return takes(vocoder, mel, settings, self.limits)

    def show(self, trial: Trial | None, blind: bool) -> str:
        """The pictures, unless they would tell which is which."""
        with refusals_shown():
            return "" if blind else pictures_of(kept(trial))

    def shuffle(self, trial: Trial | None) -> tuple[Update, Update, str, Trial, str]:
        """The same two sounds once more, blind."""
        with refusals_shown():
            trial = kept(trial).shuffled(self.random)
            return *played(trial), BLIND, trial, ""

    def vote(self, trial: Trial | None, tally: Tally, choice: Preference) -> tuple[Trial, Tally, str, str, str]:
        """Count a vote, and say what was heard."""
        with refusals_shown():
            trial = kept(trial)
            tally = tally.vote(trial, choice)
            return trial.after_vote(), tally, str(tally), trial.revealed(), pictures_of(trial)


def kept(trial: Trial | None) -> Trial:
    """The two sounds, unless there are none; then raises `InputError`."""
    if trial is None:
        raise InputError(f"there is nothing to compare, or {FORGOTTEN.replace('Vocode', 'Compare')}")
    return trial


def played(trial: Trial) -> tuple[Update, Update]:
    """Both sounds for the players."""
    first, second = trial.played()
    return playable(first.wave, first.sample_rate), playable(second.wave, second.sample_rate)


def pictures_of(trial: Trial) -> str:
    """Both sounds to look at, with their names and times."""
    pairs = zip("AB", trial.settings, trial.takes, strict=True)
    return "".join(
        output_pictures(take.wave, take.sample_rate, f"{name}: {each}; {take}") for name, each, take in pairs
    )
