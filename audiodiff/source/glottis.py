"""Glottal closure instants of recordings: the peaks of the linear-prediction residual that keep time with f0."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.signal import get_window

from audiodiff.source.linear_prediction import predictors
from audiodiff.source.pitch_track import FRAME, PitchTrack, track_pitch
from audiodiff.types import Hertz, Seconds

_Array = npt.NDArray[np.float64]
_Indices = npt.NDArray[np.int64]

EMPHASIS = 0.95
WINDOW: Seconds = 0.03
SMOOTHING: Seconds = 0.00012
"""Standard deviation of the Gaussian that the residual is smoothed by: a pulse is never one sample wide."""
PERIOD_COST = 6.0
"""For |ln(distance / period)| between neighbouring instants, in units of a peak as high as its surroundings'."""
SHORTEST, LONGEST = 0.6, 1.6
"""Distances between neighbouring instants, in periods."""
BREAK_COST = 2.0
"""For a longer gap, where the voice breaks."""


@dataclass(frozen=True, eq=False)
class Glottis:
    """Closure instants of a recording in samples, fractional and rising, and its pitch track."""

    instants: _Array
    track: PitchTrack
    polarity: int
    """-1 where closures are negative peaks of the residual."""


def find_closures(wave: _Array, sample_rate: Hertz, *, polarity: int | None = None, **pitch: float) -> Glottis:
    """Find the glottal closure instants of a recording; `pitch` are `floor` and `ceiling` of `track_pitch`, in hertz.

    Dynamic programming over the residual's peaks in every voiced run, as in DYPSA (Naylor et al. 2007): a peak's height
    counts for it, a distance to the one before that is not a period against it. Give the `polarity` of the speaker if
    it is known; otherwise it is the sign of the residual's third moment where the recording is voiced.
    """
    track = track_pitch(wave, sample_rate, **pitch)
    residual = prediction_residual(wave, sample_rate)
    if polarity is None:
        polarity = residual_polarity(residual, track, sample_rate)
    sharp = gaussian_filter1d(polarity * residual, SMOOTHING * sample_rate) if len(residual) else residual
    found = [_closures(sharp, track, run, sample_rate) for run in voiced_runs(track.f0)]
    return Glottis(np.concatenate([np.empty(0), *found]), track, polarity)


def prediction_residual(wave: _Array, sample_rate: Hertz) -> _Array:
    """The residual of linear prediction of the pre-emphasized waveform, overlapped and added from windowed frames."""
    order = sample_rate // 1000 + 2
    length, hop = int(WINDOW * sample_rate), int(FRAME * sample_rate)
    x = wave - EMPHASIS * np.concatenate([[0.0], wave[:-1]]) if len(wave) else wave
    count = len(x) // hop + 1
    padded = np.pad(x, (length // 2 + order, length))
    window = np.asarray(get_window("hann", length), dtype=np.float64)
    seen = np.lib.stride_tricks.sliding_window_view(padded, length + order)[: count * hop : hop]
    out = np.zeros(count * hop + length)
    for part in range(0, count, 1024):
        block = seen[part : part + 1024]
        errors = _filtered(block, predictors(block[:, order:] * window, order)) * window
        for i, error in enumerate(errors, start=part):
            out[i * hop : i * hop + length] += error
    return out[length // 2 :][: len(x)] * (hop / window.sum())


def _filtered(seen: _Array, predictors: _Array) -> _Array:
    order = predictors.shape[1]
    taps = np.lib.stride_tricks.sliding_window_view(seen, order, axis=1)[:, :-1]  # oldest first
    return seen[:, order:] - np.einsum("fno,fo->fn", taps, predictors[:, ::-1])


def residual_polarity(residual: _Array, track: PitchTrack, sample_rate: Hertz) -> int:
    """The sign of the residual's skewness where it is voiced."""
    index = np.minimum((np.arange(len(residual)) / sample_rate / FRAME).astype(int), len(track.f0) - 1)
    voiced = residual[track.f0[index] > 0] if len(residual) else residual
    return -1 if len(voiced) and (voiced**3).sum() < 0 else 1


def voiced_runs(f0: _Array) -> list[tuple[int, int]]:
    """First frame and end of every run of voiced frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], f0 > 0, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _closures(sharp: _Array, track: PitchTrack, run: tuple[int, int], sample_rate: Hertz) -> _Array:
    """The instants of one voiced run."""
    first, end = run
    start, stop = int(max(0, first - 0.5) * FRAME * sample_rate), int((end - 0.5) * FRAME * sample_rate)
    stop = min(stop, len(sharp) - 1)
    inner = np.arange(max(1, start), stop)
    peaks = inner[(sharp[inner] > sharp[inner - 1]) & (sharp[inner] >= sharp[inner + 1]) & (sharp[inner] > 0)]
    if len(peaks) < 2:
        return np.empty(0)
    times = np.arange(first, end) * FRAME * sample_rate
    period = sample_rate / np.exp(np.interp(peaks, times, np.log(track.f0[first:end])))
    heights = sharp[peaks] / _local_level(sharp, peaks, period)
    chain = _best_chain(peaks.tolist(), heights.tolist(), np.log(period).tolist(), period.tolist())
    return _refined(sharp, peaks[chain])


def _local_level(sharp: _Array, peaks: _Indices, period: _Array) -> _Array:
    """The highest value within a period to either side of every peak."""
    width = np.maximum(period.astype(int), 1)
    widest = int(width.max())
    padded = np.pad(sharp, widest)
    near = np.lib.stride_tricks.sliding_window_view(padded, 2 * widest + 1)[peaks]
    inside = np.abs(np.arange(-widest, widest + 1)) <= width[:, None]
    return np.where(inside, near, 0).max(axis=1) + 1e-9


def _best_chain(peaks: list[int], heights: list[float], log_period: list[float], period: list[float]) -> _Indices:
    """Indices of the peaks that make the best chain through the run; plain Python is fast enough for the few peaks."""
    logs = np.log(np.arange(1, int(max(period) * LONGEST) + 2)).tolist()
    score, came = list(heights), [-1] * len(peaks)
    first, behind = 0, -1  # the earliest peak within reach, and the best chain that ended before it
    for i, here in enumerate(peaks):
        shortest, longest = SHORTEST * period[i], LONGEST * period[i]
        while here - peaks[first] > longest and first < i:
            behind = first if behind < 0 or score[first] > score[behind] else behind
            first += 1
        if behind >= 0 and score[behind] > BREAK_COST:
            score[i], came[i] = score[behind] + heights[i] - BREAK_COST, behind
        for j in range(first, i):
            distance = here - peaks[j]
            if distance < shortest:
                break
            total = score[j] + heights[i] - PERIOD_COST * abs(logs[distance - 1] - log_period[i])
            if total > score[i]:
                score[i], came[i] = total, j
    chain = [int(np.argmax(score))]
    while came[chain[-1]] >= 0:
        chain.append(came[chain[-1]])
    return np.array(chain[::-1])


def _refined(sharp: _Array, peaks: _Indices) -> _Array:
    """Tops of the parabolas through peaks and their neighbours."""
    left, top, right = sharp[peaks - 1], sharp[peaks], sharp[peaks + 1]
    curve = np.minimum(left - 2 * top + right, -1e-12)
    return peaks + np.clip(0.5 * (left - right) / curve, -0.5, 0.5)
