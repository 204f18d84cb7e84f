"""DistillMOS: a mean opinion score of a recording by itself, from a network that larger ones taught."""

from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO

import torch

from audiodiff.evaluation.spectral import Measured
from audiodiff.evaluation.waveform import Signal, resample
from audiodiff.types import Hertz

_SAMPLE_RATE: Hertz = 16000
OPINIONS = ("distillmos", "distillmos_change")
_ABSENT = "DistillMOS was not asked for, or its package `distillmos` cannot be imported"

Judge = Callable[[Signal, Hertz], float]
"""(waveform, sample rate) -> mean opinion score, 1 to 5."""


def opinions(reference: Signal, generated: Signal, sample_rate: Hertz, judge: Judge | None) -> Measured:
    """The score of the generated recording, and how far it lies above that of the reference."""
    if judge is None:
        return dict.fromkeys(OPINIONS, _ABSENT)
    score = judge(generated, sample_rate)
    return dict(zip(OPINIONS, (score, score - judge(reference, sample_rate)), strict=True))


def load_distillmos() -> Judge | None:
    """The network (Stahl and Gamper 2025), whose weights the package `distillmos` carries; None without the package."""
    try:
        from distillmos import ConvTransformerSQAModel
    except (ImportError, OSError):  # it imports torchaudio, whose libraries must fit torch
        return None
    with redirect_stdout(StringIO()):  # it tells where its weights lie
        model = ConvTransformerSQAModel().eval()

    @torch.inference_mode()
    def judge(signal: Signal, sample_rate: Hertz) -> float:
        slow = resample(signal, sample_rate, _SAMPLE_RATE)
        return model(torch.from_numpy(slow).float()[None]).item()

    return judge
