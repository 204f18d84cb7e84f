"""Mels of recordings as vocoders take them: one frame for every whole hop."""

import os

import torch

from audiodiff.audio import audio_sample_rate
from audiodiff.errors import AudioError
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel, Wave


@torch.no_grad()
def mels_of(waves: Wave, spec: MelSpec, name: str = "the waveform") -> Mel:
    """The mels of waveforms at the convention's rate; raises `AudioError`, with the name, for less than a hop."""
    samples, frames = waves.shape[-1], waves.shape[-1] // spec.hop_length
    if frames == 0:
        raise AudioError(
            f"{name} has {samples} samples, less than one mel frame of {spec.hop_length}: give longer audio"
        )
    return MelSpectrogram(spec)(waves)[..., :frames]


def check_rate(path: str | os.PathLike[str], spec: MelSpec, *, resampled: bool) -> None:
    """Raise `AudioError` for a recording at another rate than the convention's that is not to be resampled."""
    rate = audio_sample_rate(path)
    if rate != spec.sample_rate and not resampled:
        raise AudioError(f"recorded at {rate} Hz, the model speaks {spec.sample_rate} Hz; pass --resample to convert")
