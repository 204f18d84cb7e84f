"""Error of an approximate conversion, estimated from the mel alone."""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.audio.io import resample
from audiodiff.audio.stft import Stft
from audiodiff.mel.compression import MelCompression, read_back
from audiodiff.mel.conversion import Compatibility, MelConverter, notation
from audiodiff.mel.filterbank import mel_filterbank
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.nnls import MelToLinear
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel, Wave

_Decibels = float

NEPER = 20 / math.log(10)
"""Decibels in a neper."""

SPEECH = 1.4
"""Factor by which recorded speech is further off than the noise that stands for it (benchmarks/mel_conversion.py)."""

SAMPLE = 256
"""Frames that an estimate is made from."""


def mel_distance(mel: Mel, other: Mel, spec: MelSpec) -> _Decibels:
    """Mean absolute difference of two mels of one convention, in decibels of magnitude."""
    compression = MelCompression(spec)
    difference = compression.log_bands(mel) - compression.log_bands(other)
    return NEPER / spec.power * difference.abs().mean().item()


def estimated_error(mel: Float[Tensor, "n_mels frames"], have: MelSpec, want: MelSpec) -> _Decibels:
    """Estimated error of `mel`, converted from `have` to `want`, against the mel of the unknown recording.

    A parametric bootstrap: a waveform that has this mel is made up (its magnitudes, random phases), extracted in both
    conventions, converted, and compared. Framing is left out of it, since frames only come half a hop late.
    """
    converter = MelConverter(have, replace(want, framing=have.framing))
    if converter.relation.compatibility in (Compatibility.SAME, Compatibility.EXACT):
        return 0.0
    start = max(0, (mel.shape[-1] - SAMPLE) // 2)
    wave = imagined_wave(mel[None, :, start : start + SAMPLE], have)
    known = MelSpectrogram(have)(wave)
    truth = MelSpectrogram(converter.want)(resample(wave, have.sample_rate, want.sample_rate))
    converted = converter(known)
    frames = min(converted.shape[-1], truth.shape[-1])
    return SPEECH * mel_distance(converted[..., :frames], truth[..., :frames], want)


def quiet_error(mel: Float[Tensor, "n_mels frames"], have: MelSpec, want: MelSpec) -> _Decibels:
    """Error of the quiet values of `mel`, converted between two conventions of one family, where they clamp or add.

    Within a band the sound's magnitude counts as constant; a value on the floor of `have` stands for silence.
    """
    have, want = (replace(spec, last_frame="keep") for spec in (have, want))
    log_bands, area = MelCompression(have).log_bands(mel), mel_filterbank(have).sum(dim=1, keepdim=True)
    energy = (log_bands.exp() / area).pow(2 / have.power)
    silent = (log_bands <= lowest_value(have) + 1e-4) | (energy <= (1 + 1e-3) * have.magnitude_floor**2)
    energy = (energy - have.magnitude_epsilon).clamp_min(0).masked_fill(silent, 0)
    heard = (energy + want.magnitude_epsilon).clamp_min(want.magnitude_floor**2)
    truth = MelCompression(want)((area * heard.pow(want.power / 2)).unsqueeze(0))
    return mel_distance(MelConverter(have, want)(mel.unsqueeze(0)), truth, want)


def imagined_wave(mel: Mel, spec: MelSpec) -> Wave:
    """A waveform whose mel is about the given one, as noisy as its phases are random."""
    frames = mel.shape[-1]
    mel = torch.cat([mel] * -(-8 // frames), dim=-1)
    magnitudes = MelToLinear(spec)(mel) * torch.hann_window(spec.win_length).sum()
    generator = torch.Generator().manual_seed(0)
    angles = 2 * math.pi * torch.rand(magnitudes.shape, generator=generator)
    return Stft(spec).inverse(torch.polar(magnitudes, angles))


def floored_share(mel: Float[Tensor, "n_mels frames"], have: MelSpec, want: MelSpec) -> float:
    """The share of values that lie on the floor of `have` while `want` would say how far below it they are."""
    lowest = {spec: lowest_value(spec) - notation(spec) for spec in (have, want)}
    below = MelCompression(have).log_bands(mel) - notation(have) <= lowest[have] + 1e-4
    return (below & (lowest[want] < lowest[have] - 1e-4)).float().mean().item()


def lowest_value(spec: MelSpec) -> Float[Tensor, "n_mels 1"]:
    """The natural logarithm of what every band of silence is read as, minus infinity where nothing bounds it."""
    return read_back(spec, torch.full((spec.n_mels, 1), -math.inf))
