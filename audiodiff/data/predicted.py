"""The mels that a TTS model predicts for recordings, to fine-tune a vocoder on what it will really be given."""

import torch
from torch import Tensor

from audiodiff.data.manifest import Utterance
from audiodiff.errors import MelError
from audiodiff.mel.files import read_mel
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Samples

TOLERANCE = 4
"""Frames that a predicted mel may be longer or shorter than its recording; TTS models round to their own steps."""


def read_predicted(utterance: Utterance, spec: MelSpec) -> Tensor | None:
    """The utterance's own mel file as [n_mels, frames], None if it has none.

    Raises `MelError` for an unreadable file and `MelMismatchError` for another convention.
    """
    return None if utterance.mel is None else read_mel(utterance.mel, spec).mel


def aligned_mel(utterance: Utterance, spec: MelSpec, n_samples: Samples) -> Tensor | None:
    """The same, checked to be aligned with its recording of `n_samples`; raises `MelError` for another length."""
    mel, frames = read_predicted(utterance, spec), n_samples // spec.hop_length
    if mel is not None and abs(mel.shape[-1] - frames) > TOLERANCE:
        raise MelError(
            f"{utterance.mel} has {mel.shape[-1]} frames, its recording {utterance.path} {frames}: predict it with "
            f"the recording's own durations (ground-truth aligned), at hop {spec.hop_length} and {spec.sample_rate} Hz"
        )
    return mel


def silent_after(mel: Tensor, frames: int, spec: MelSpec) -> Tensor:
    """A [n_mels, frames] mel cut or continued to `frames` frames, with what the convention stores for silence."""
    missing = frames - mel.shape[-1]
    if missing <= 0:
        return mel[:, :frames]
    silence = MelSpectrogram(spec)(torch.zeros(1, 4 * spec.n_fft))[0, :, 1:2]
    return torch.cat([mel, silence.expand(-1, missing)], dim=-1)
