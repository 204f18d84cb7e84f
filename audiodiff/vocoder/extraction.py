"""Mels of waveforms for a vocoder that is to speak them."""

import math

import torch
from torch import Tensor

from audiodiff.audio.io import resample
from audiodiff.errors import AudioError, ConfigError
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Hertz, Mel, real_number


@torch.no_grad()
def extracted(samples: Tensor, spec: MelSpec, sample_rate: Hertz | None) -> Mel:
    """The mels [batch, n_mels, frames] of waveforms [batch, samples] or of one [samples], at a rate or the mel's own.

    Raises `AudioError` for what is no waveform, not finite, or shorter than a hop, `ConfigError` for a rate that is
    none.
    """
    if samples.ndim not in (1, 2):
        raise AudioError(f"got a waveform of shape {tuple(samples.shape)}: expected [samples] or [batch, samples]")
    rate = real_number(spec.sample_rate if sample_rate is None else sample_rate)
    if rate is None or not 1 <= rate < math.inf:
        raise ConfigError(f"got sample_rate={sample_rate!r:.60}: expected hertz")
    if not samples.isfinite().all():
        raise AudioError("the waveform holds NaN or infinite values: expected finite samples in [-1, 1]")
    rows = samples if samples.ndim == 2 else samples[None]
    rows = resample(rows, rate, spec.sample_rate)
    frames = rows.shape[-1] // spec.hop_length
    if frames == 0:
        raise AudioError(f"got {rows.shape[-1]} samples, less than one frame of {spec.hop_length}: give a longer one")
    return MelSpectrogram(spec)(rows)[..., :frames]
