"""Mels of waveforms for a vocoder that is to speak them."""

from torch import Tensor

from audiodiff.audio.decoding import RATES
from audiodiff.audio.io import resample
from audiodiff.errors import AudioError, ConfigError
from audiodiff.mel.recordings import mels_of
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Hertz, Mel, real_number


def extracted(samples: Tensor, spec: MelSpec, sample_rate: Hertz | None) -> Mel:
    """The mels [batch, n_mels, frames] of waveforms [batch, samples] or of one [samples], at a rate or the mel's own.

    Raises `AudioError` for what is no waveform, not finite, or shorter than a hop, `ConfigError` for a rate that is
    none.
    """
    if samples.ndim not in (1, 2):
        raise AudioError(f"got a waveform of shape {tuple(samples.shape)}: expected [samples] or [batch, samples]")
    if not samples.numel():
        raise AudioError(
            f"got an empty waveform of shape {tuple(samples.shape)}: expected at least one frame of samples"
        )
    rate = spec.sample_rate if sample_rate is None else real_number(sample_rate)
    if rate is None or (sample_rate is not None and not RATES[0] <= rate <= RATES[-1]):
        raise ConfigError(f"got sample_rate={sample_rate!r:.60}: expected {RATES[0]} to {RATES[-1]} Hz")
    if not samples.isfinite().all():
        raise AudioError("the waveform holds NaN or infinite values: expected finite samples in [-1, 1]")
    rows = samples if samples.ndim == 2 else samples[None]
    return mels_of(resample(rows, rate, spec.sample_rate), spec)
