"""Sounds that voiced speech does not teach: whispers of recordings, and notes, chords and noise from nothing."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from scipy.fft import irfft, next_fast_len, rfft
from torch import Tensor

from audiodiff.source.linear_prediction import solved
from audiodiff.source.pitch_track import FRAME
from audiodiff.training.analysed import AnalysedRecording
from audiodiff.types import Hertz, Seconds

PATCH: tuple[Seconds, Seconds] = (0.02, 0.04)
"""Length of the windows in which envelopes are found."""
POLES_PER_KILOHERTZ = (0.8, 1.4)
MOST_POLES = 48
LIFTER: tuple[Seconds, Seconds] = (0.0012, 0.002)
"""Shorter than a period of f0: what lies above it in the cepstrum is excitation."""
HOARSE: Hertz = 600
"""The highest corner below which a whisper is weakened: it has less there than a voice."""
LOWEST, HIGHEST = 50.0, 1000.0
PARTIALS = 40
TONES, NOISES = (0, 1, 1, 2, 3, 4, 5), (0, 0, 1, 2)
"""Numbers of parts, each as likely as it stands here."""
FAINT = 1e-4
"""Power, relative to the loudest frame's, below which nothing sounds."""
LEVEL_DB = (-35.0, -12.0)

_Array = npt.NDArray[np.float64]


def whispered(recording: AnalysedRecording, seconds: Seconds, draw: np.random.Generator) -> AnalysedRecording:
    """Noise behind the envelope of a piece of a recording, found by linear prediction or from the cepstrum."""
    wave, rate = _piece(recording, seconds, draw).double().numpy(), recording.sample_rate
    hop = _quick(round(draw.uniform(*PATCH) * rate / 4))
    window = np.hanning(4 * hop + 1)[:-1]
    padded = np.pad(wave, 4 * hop)
    patches = np.lib.stride_tricks.sliding_window_view(padded, 4 * hop)[::hop] * window
    power = np.abs(np.asarray(rfft(patches, 8 * hop))) ** 2 / np.square(window).sum()
    power += 1e-6 * power.mean() + 1e-12
    if draw.random() < 0.5:
        power = _all_pole(power, min(MOST_POLES, round(draw.uniform(*POLES_PER_KILOHERTZ) * rate / 1000)))
    else:
        power = _smooth(power, round(draw.uniform(*LIFTER) * rate))
    hertz = np.linspace(0, rate / 2, power.shape[1])
    corner = draw.uniform(0, HOARSE)
    gains = np.sqrt(power) * hertz / (hertz + corner + 1e-3)
    noise = np.lib.stride_tricks.sliding_window_view(draw.standard_normal(len(padded)), 4 * hop)[::hop] * window
    pieces = np.asarray(irfft(np.asarray(rfft(noise, 8 * hop)) * gains, 8 * hop))
    made = np.zeros(len(padded) + 8 * hop)
    for place, piece in enumerate(pieces):
        made[place * hop : (place + 8) * hop] += piece / 2
    return _unvoiced(made[4 * hop : 4 * hop + len(wave)], recording)


def _quick(length: int) -> int:
    """The next length that transforms are fast at."""
    return cast(int, next_fast_len(length))


def _piece(recording: AnalysedRecording, seconds: Seconds, draw: np.random.Generator) -> Float[Tensor, " samples"]:
    length = min(len(recording.wave), round(seconds * recording.sample_rate))
    first = int(draw.integers(len(recording.wave) - length + 1))
    return recording.wave[first : first + length]


def _all_pole(power: _Array, order: int) -> _Array:
    """Power spectra [patch, bin] of the filters by linear prediction."""
    size = 2 * (power.shape[1] - 1)
    r = np.asarray(irfft(power, size))[:, : order + 1]
    r[:, 0] *= 1 + 1e-7
    weights = solved(r)
    error = r[:, 0] - (weights * r[:, 1:]).sum(axis=1)
    inverse = np.asarray(rfft(np.concatenate([np.ones((len(r), 1)), -weights], axis=1), size))
    return np.maximum(error, 1e-12)[:, None] / np.maximum(np.abs(inverse) ** 2, 1e-9)


def _smooth(power: _Array, length: int) -> _Array:
    """The same spectra without what lies above `length` samples of their cepstra."""
    cepstrum = np.asarray(irfft(np.log(power)))
    cepstrum[:, length : cepstrum.shape[1] - length + 1] = 0
    return np.exp(np.asarray(rfft(cepstrum), dtype=np.complex128).real)


def _unvoiced(wave: _Array, like: AnalysedRecording) -> AnalysedRecording:
    made = torch.from_numpy(wave / max(1.0, float(np.abs(wave).max()))).float()
    return AnalysedRecording(made, like.sample_rate, like.instants[:0], torch.zeros(1), like.bandwidth)


@dataclass(frozen=True, eq=False)
class Part:
    """One voice of a piece of music: its waveform, and its f0 in hertz every `FRAME`, 0 for noise."""

    wave: _Array
    f0: _Array


def played(seconds: Seconds, rate: Hertz, draw: np.random.Generator) -> AnalysedRecording:
    """Notes, chords, bursts and noise, drawn anew. f0 is that of the loudest part, which is the best that one f0 does.

    There are no closures: this teaches f0 and voicing, not filters.
    """
    length = round(seconds * rate)
    tones, noises = int(draw.choice(TONES)), int(draw.choice(NOISES))
    parts = [_part(length, rate, draw, tone=True) for _ in range(tones)]
    parts += [_part(length, rate, draw, tone=False) for _ in range(noises + (tones + noises == 0))]
    wave = np.sum([part.wave for part in parts], axis=0)
    powers = np.stack([_power(part.wave, len(part.f0), rate) for part in parts])
    loudest = powers.argmax(axis=0)
    f0 = np.stack([part.f0 for part in parts])[loudest, np.arange(powers.shape[1])]
    f0[powers.max(axis=0) < FAINT * powers.max()] = 0
    wave *= 10 ** (draw.uniform(*LEVEL_DB) / 20) / (np.sqrt(np.mean(np.square(wave))) + 1e-9)
    made = torch.from_numpy(wave / max(1.0, float(np.abs(wave).max()))).float()
    return AnalysedRecording(made, rate, torch.zeros(0, dtype=torch.float64), torch.from_numpy(f0).float(), rate / 2)


def _part(length: int, rate: Hertz, draw: np.random.Generator, *, tone: bool) -> Part:
    """Notes or bursts after one another, with rests between some."""
    wave, f0 = np.zeros(length), np.zeros(int(length / rate / FRAME) + 1)
    loudness, begin = 10 ** (draw.uniform(-12, 0) / 20), -draw.uniform(0, 0.4)
    while begin < length / rate:
        duration = draw.uniform(0.1, 1.0)
        first, last = max(0, round(begin * rate)), min(length, round((begin + duration) * rate))
        if last - first > rate // 100 and draw.random() < 0.85:
            pitch = LOWEST * (HIGHEST / LOWEST) ** draw.random() if tone else 0.0
            sound = _tone(last - first, pitch, rate, draw) if tone else _noise(last - first, rate, draw)
            wave[first:last] += loudness * sound * _shape(last - first, rate, draw, sustained=0.3 if tone else 0.1)
            f0[int(first / rate / FRAME) : int(last / rate / FRAME) + 1] = pitch
        begin += duration
    return Part(wave, f0)


def _tone(length: int, pitch: float, rate: Hertz, draw: np.random.Generator) -> _Array:
    """Partials at random phases, of a random tilt; their power is 1."""
    count = max(1, min(PARTIALS, int(0.98 * rate / 2 / pitch)))
    number = np.arange(1, count + 1)
    amplitudes = number ** -draw.uniform(0.5, 2.5) * np.exp(0.5 * draw.standard_normal(count))
    amplitudes[1::2] *= draw.random() < 0.75
    amplitudes = amplitudes * np.exp(2j * np.pi * draw.random(count)) / np.sqrt(np.square(amplitudes).sum() / 2)
    turn = np.exp(2j * np.pi * pitch / rate * np.arange(length))
    made, partial = np.zeros(length, dtype=np.complex128), np.ones(length, dtype=np.complex128)
    for amplitude in amplitudes:
        partial *= turn
        made += amplitude * partial
    return made.real


def _noise(length: int, rate: Hertz, draw: np.random.Generator) -> _Array:
    """Noise of power 1 whose spectrum falls by up to 6 dB an octave, or rises by 3."""
    size = _quick(length)
    spectrum = np.asarray(rfft(draw.standard_normal(size)))
    spectrum *= np.maximum(np.fft.rfftfreq(size, 1 / rate), 50) ** -draw.uniform(-0.5, 1.0)
    noise = np.asarray(irfft(spectrum, size))[:length]
    return noise / np.sqrt(np.mean(np.square(noise)))


def _shape(length: int, rate: Hertz, draw: np.random.Generator, *, sustained: float) -> _Array:
    """Attack, decay and release of a note; decays of a few milliseconds make clicks."""
    time = np.arange(length) / rate
    attack = np.minimum(1, time / draw.uniform(0.0005, 0.03))
    decay = 1.0 if draw.random() < sustained else np.exp(-time / 10 ** draw.uniform(-2.5, 0.3))
    return attack * decay * np.minimum(1, time[::-1] / 0.01)


def _power(wave: _Array, frames: int, rate: Hertz) -> _Array:
    """Mean power in 25 ms around every frame."""
    half = round(0.0125 * rate)
    sums = np.cumsum(np.pad(np.square(wave), (half + 1, half)))
    centres = np.minimum((np.arange(frames) * FRAME * rate).astype(int), len(wave) - 1)
    return (sums[centres + 2 * half] - sums[centres]) / (2 * half)
