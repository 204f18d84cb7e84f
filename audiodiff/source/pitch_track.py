"""The fundamental frequency of recordings, by autocorrelation and the best path through its peaks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft
from scipy.signal import get_window, resample_poly

from audiodiff.errors import ConfigError
from audiodiff.types import Hertz, Seconds

_Array = npt.NDArray[np.float64]
_Indices = npt.NDArray[np.int64]

FLOOR, CEILING = 50.0, 1100.0
"""Hertz: a low bass, and a soprano."""
PER_OCTAVE = 48
"""Candidates per octave."""
WITHIN = 4
"""Periods that are tried for a candidate, the best of which counts: at the tenth partial half a candidate is a tenth of
a turn."""
CENTRE = (WITHIN - 1) / (2 * WITHIN)
"""Place of a candidate among those that are tried for it, in candidates."""
FRAME: Seconds = 0.005
PERIODS = 3
"""Periods that a window must hold for its autocorrelation to be trusted (Boersma 1993, section 4)."""
WINDOWS: tuple[Seconds, ...] = (0.012, 0.03, 0.06)
VOICED_ABOVE = 0.45
OCTAVE_COST = -0.01
"""Added per octave above the floor: half of a period is none, however nearly it repeats."""
_SURE = 0.97
"""Autocorrelation from which on a waveform is as good as periodic. Multiples of its period are then as good as the
period itself, and the shortest is meant."""
SHORTEST_GAIN = 0.02
"""Added per octave above the floor to those."""
JUMP_COST = 1.0
CHANGE_COST = 0.2
_ENOUGH: Hertz = 8000
"""Sample rate that pitch is looked for at, at least: partials above 4 kHz say little about f0."""
_QUIET = 0.02
"""Peak of a frame, relative to the recording's, below which hardly anything counts as voiced."""


@dataclass(frozen=True, eq=False)
class PitchTrack:
    """f0 in hertz, 0 where unvoiced, every `FRAME` seconds from time 0 on."""

    f0: _Array
    strength: _Array
    """The normalized autocorrelation at the period of each frame, of the best candidate where it is unvoiced."""

    @property
    def times(self) -> _Array:
        """In seconds."""
        return np.float64(FRAME) * np.arange(len(self.f0))


def candidates(floor: float = FLOOR, ceiling: float = CEILING) -> _Array:
    """The frequencies, in hertz and rising, that a frame may have."""
    return floor * 2 ** (np.arange(int(np.log2(ceiling / floor) * PER_OCTAVE) + 1) / PER_OCTAVE)


def track_pitch(wave: _Array, sample_rate: Hertz, *, floor: float = FLOOR, ceiling: float = CEILING) -> PitchTrack:
    """Find f0 and voicing of a recording (after Boersma 1993, "Accurate short-term analysis …").

    Autocorrelations are divided by those of their windows, each frequency is judged in the shortest window that holds
    three periods of it, and dynamic programming finds the best path through all frames.
    Raises `ConfigError` for a range that is not within half the sample rate.
    """
    if not 0 < floor < ceiling < sample_rate / 2:
        raise ConfigError(f"f0 from {floor} to {ceiling} Hz: expected a range above 0 and below {sample_rate / 2:g}")
    frequencies = candidates(floor, ceiling)
    count = int(len(wave) / sample_rate / FRAME) + 1
    rate: float = sample_rate
    if (fold := sample_rate // max(_ENOUGH, int(4 * ceiling))) > 1 and len(wave):
        wave, rate = np.asarray(resample_poly(wave, 1, fold)), sample_rate / fold
    wave = wave - wave.mean() if len(wave) else wave
    tried = floor * 2 ** ((np.arange(WITHIN * len(frequencies)) / WITHIN - CENTRE) / PER_OCTAVE)
    merit = np.concatenate([_autocorrelations(wave, part, rate, tried) for part in _blocks(count)])
    best = merit.reshape(count, -1, WITHIN).max(axis=2)
    path = _best_path(best, frequencies, _silence(wave, count, rate))
    return PitchTrack(_refined(path, merit, tried), best.max(axis=1))


def _blocks(count: int, size: int = 2048) -> list[_Indices]:
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]


def _frames(wave: _Array, centres: _Indices, length: int) -> _Array:
    """Windows [centre, length] of a waveform that is continued with zeros."""
    padded = np.pad(wave, (length // 2, length))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[centres]


def _autocorrelations(wave: _Array, frames: _Indices, sample_rate: float, frequencies: _Array) -> _Array:
    """The normalized autocorrelation [frame, frequency] at one period of every frequency."""
    centres = np.minimum((frames * FRAME * sample_rate).astype(int), len(wave))
    merit = np.zeros((len(frames), len(frequencies)))
    above = np.inf
    for duration in WINDOWS:
        below = PERIODS / duration if duration != WINDOWS[-1] else 0.0
        used = (frequencies >= below) & (frequencies < above)
        above = below
        if used.any():
            lags = sample_rate / frequencies[used]
            merit[:, used] = _autocorrelation(wave, centres, int(duration * sample_rate), lags)
    return merit


def _autocorrelation(wave: _Array, centres: _Indices, length: int, lags: _Array) -> _Array:
    """At lags in samples and fractions, each a sum of cosines over the power spectrum."""
    size = 1 << (2 * length - 1).bit_length()
    window = get_window("hann", length, fftbins=False)
    frames = _frames(wave, centres, length)
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window
    own = np.asarray(irfft(np.abs(np.asarray(rfft(window, size))) ** 2))[:length]
    waves = np.cos(2 * np.pi / size * np.outer(np.arange(size // 2 + 1), np.concatenate([[0], lags])))
    waves[1:] *= 2
    spectrum = np.asarray(rfft(frames, size, axis=1), dtype=np.complex128)
    correlation = (spectrum.real**2 + spectrum.imag**2) @ waves / size
    energy = np.maximum(correlation[:, :1], 1e-12)
    return correlation[:, 1:] / energy / (np.interp(lags, np.arange(length), own) / own[0])


def _silence(wave: _Array, count: int, sample_rate: float) -> _Array:
    """Bonus of an unvoiced frame for being quiet: 0 for loud ones, up to 2."""
    length = int(0.02 * sample_rate)
    centres = np.minimum((np.arange(count) * FRAME * sample_rate).astype(int), len(wave))
    peaks = np.abs(_frames(wave, centres, length)).max(axis=1)
    top = np.percentile(peaks, 99) if count else 0.0
    return np.clip(2 - peaks / (_QUIET * top + 1e-9), 0, 2)


def _best_path(merit: _Array, frequencies: _Array, silence: _Array) -> _Indices:
    """The candidate of every frame, -1 where it is unvoiced (Viterbi)."""
    octaves = np.log2(frequencies / frequencies[0])
    gain = merit + (OCTAVE_COST + SHORTEST_GAIN * (merit > _SURE)) * octaves
    rest = (VOICED_ABOVE + silence).tolist()
    reach, places = PER_OCTAVE // 2, np.arange(len(frequencies))
    jumps = np.abs(JUMP_COST * np.arange(-reach, reach + 1) / PER_OCTAVE)
    padded = np.full(len(places) + 2 * reach, -np.inf)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    voiced, unvoiced = gain[0].copy(), rest[0]
    came = np.zeros(merit.shape, dtype=np.int64)
    came_unvoiced = np.zeros(len(merit), dtype=np.int64)
    for i in range(1, len(merit)):
        padded[reach:-reach] = voiced
        near = around - jumps
        best = near.argmax(axis=1)
        score = near[places, best]
        begun, top = unvoiced - CHANGE_COST, int(voiced.argmax())
        came[i] = np.where(score < begun, -1, places + best - reach)
        leave = voiced[top] - CHANGE_COST
        came_unvoiced[i] = top if leave > unvoiced else -1
        voiced, unvoiced = np.maximum(score, begun) + gain[i], max(leave, unvoiced) + rest[i]
    return _traced(int(voiced.argmax()) if voiced.max() > unvoiced else -1, came, came_unvoiced)


def _traced(last: int, came: _Indices, came_unvoiced: _Indices) -> _Indices:
    """The path that ends with `last`."""
    path = np.full(len(came), last)
    for i in range(len(came) - 1, 0, -1):
        path[i - 1] = came_unvoiced[i] if path[i] < 0 else came[i, path[i]]
    return path


def _refined(path: _Indices, merit: _Array, tried: _Array) -> _Array:
    """f0 at the top of the parabola through the best frequency tried for a candidate and its neighbours, or 0."""
    rows, first = np.arange(len(path)), WITHIN * np.maximum(path, 0)
    inside = merit[rows[:, None], first[:, None] + np.arange(WITHIN)]
    middle = np.clip(first + inside.argmax(axis=1), 1, len(tried) - 2)
    left, top, right = (merit[rows, middle + k] for k in (-1, 0, 1))
    curve = left - 2 * top + right
    offset = np.where(curve < -1e-9, 0.5 * (left - right) / np.minimum(curve, -1e-9), 0.0)
    return np.where(path < 0, 0.0, tried[middle] * 2 ** (np.clip(offset, -1, 1) / (WITHIN * PER_OCTAVE)))
