"""Sounds that no corpus at hand holds, made from recordings or from nothing: whispers, children, clicks, noise."""

import librosa
import numpy as np
import torch
from jaxtyping import Float
from scipy.signal import lfilter

from audiodiff.types import Hertz, OneWave, Seconds

FRAME: Seconds = 0.025
POLES = 24
SMALLER = 1.3
"""Ratio of a woman's vocal tract and folds to a child's, by which all frequencies rise."""
LEVEL = 0.05
"""Root mean square of noise."""

Samples = Float[np.ndarray, " samples"]


def whispered(wave: OneWave, rate: Hertz) -> OneWave:
    """The recording's envelope by linear prediction, excited by noise in place of its own excitation.

    A whisper's own envelope is flatter at low frequencies, and its formants lie higher: this has those of the voice.
    """
    length = round(FRAME * rate) // 4 * 4
    hop, window = length // 4, np.hanning(length)
    samples, noise = wave.double().numpy(), np.random.default_rng(0)
    made = np.zeros(len(samples))
    for start in range(0, len(samples) - length, hop):
        frame = samples[start : start + length] * window
        if np.abs(frame).max() < 1e-5:
            continue
        filter_ = librosa.lpc(frame, order=POLES)
        excitation = np.sqrt(np.mean(np.square(lfilter(filter_, [1], frame))) / np.mean(np.square(window)))
        # Noise before the frame lets the filter ring in.
        rung = lfilter([excitation], filter_, noise.standard_normal(2 * length))[length:]
        made[start : start + length] += rung * window / np.sqrt(np.square(window).sum() / hop)
    return torch.from_numpy(made).float()


def played_faster(wave: OneWave, rate: Hertz) -> OneWave:
    """A recording of a woman, faster and higher, as of a smaller speaker; it also speaks faster."""
    return torch.from_numpy(librosa.resample(wave.numpy(), orig_sr=rate * SMALLER, target_sr=rate))


def clicks(rate: Hertz, seconds: Seconds) -> OneWave:
    """Single samples, some 200 ms apart, of both signs."""
    draw, made = np.random.default_rng(1), np.zeros(round(rate * seconds))
    places = np.cumsum(draw.uniform(0.15, 0.25, int(seconds / 0.25)))
    made[np.int64(places * rate)] = 0.5 * draw.choice([-1, 1], len(places))
    return torch.from_numpy(made).float()


def bursts(rate: Hertz, seconds: Seconds) -> OneWave:
    """Noise that dies away within 5 ms at the places of the clicks."""
    decay = np.exp(-np.arange(round(0.02 * rate)) / (0.002 * rate))
    noise = np.random.default_rng(2).standard_normal(round(rate * seconds))
    gate = np.convolve(clicks(rate, seconds).abs().double().numpy(), decay)[: len(noise)]
    return torch.from_numpy(0.5 * noise * gate).float()


def white(rate: Hertz, seconds: Seconds) -> OneWave:
    """White noise."""
    noise = np.random.default_rng(3).standard_normal(round(rate * seconds))
    return torch.from_numpy(LEVEL * noise).float()


def pink(rate: Hertz, seconds: Seconds) -> OneWave:
    """Noise whose power falls by 3 dB per octave above 50 Hz."""
    spectrum = np.fft.rfft(np.random.default_rng(4).standard_normal(round(rate * seconds)))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(round(rate * seconds), 1 / rate), 50))
    noise = np.fft.irfft(spectrum, round(rate * seconds))
    return torch.from_numpy(LEVEL * noise / np.sqrt(np.mean(np.square(noise)))).float()


def silence(rate: Hertz, seconds: Seconds) -> OneWave:
    """Zeros."""
    return torch.zeros(round(rate * seconds))
