"""f0 of a recording at any time, by the distances of its glottal closures."""

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from audiodiff.source.glottis import LONGEST, Glottis
from audiodiff.source.pitch_track import FRAME
from audiodiff.types import Hertz

_Array = Float[np.ndarray, " n"]

SMOOTHED = 0.5
"""Periods: the standard deviation of the Gaussian that instants are smoothed by; jitter is nothing a mel could say."""
FEWEST_INSTANTS = 4
"""Instants of a run, at least."""
FARTHEST_FROM_TRACK = 0.15
"""Nepers from the pitch track beyond which closures are not believed."""
STEP = 0.1
"""Nepers between two frames of the track beyond which f0 jumps and is not interpolated."""


def closure_f0(glottis: Glottis, sample_rate: Hertz, times: _Array) -> _Array:
    """f0 in hertz at times in seconds, 0 where unvoiced.

    A pitch track looks through windows of three periods; this follows the voice as closely as a mel does, which is what
    pulses of its own have to do. The track says where the recording is voiced, and what f0 is where no closures are.
    """
    f0 = track_f0(glottis, times)
    period = sample_rate / np.maximum(track_f0(glottis, glottis.instants / sample_rate, nearest=True), 1.0)
    for run in _runs(glottis.instants, period):
        if len(run) < FEWEST_INSTANTS:
            continue
        instants = _smoothed(run)
        middle = (instants[1:] + instants[:-1]) / 2 / sample_rate
        found = np.exp(np.interp(times, middle, np.log(sample_rate / np.diff(instants))))
        inside = (f0 > 0) & (times >= middle[0]) & (times <= middle[-1])
        f0 = np.where(inside & (np.abs(np.log(found / np.maximum(f0, 1.0))) < FARTHEST_FROM_TRACK), found, f0)
    return f0


def track_f0(glottis: Glottis, times: _Array, *, nearest: bool = False) -> _Array:
    """f0 of the pitch track at times in seconds: of the nearest frame, or `between_frames`."""
    return _of_nearest(glottis.track.f0, times) if nearest else between_frames(glottis.track.f0, times)


def between_frames(f0: _Array, times: _Array) -> _Array:
    """f0 that has a value every `FRAME` seconds at other times: between two voiced frames, else of the nearest one."""
    place = np.clip(times / FRAME, 0, len(f0) - 1)
    left = np.floor(place).astype(int)
    right = np.minimum(left + 1, len(f0) - 1)
    a, b = (np.log(np.maximum(f0[index], 1.0)) for index in (left, right))
    between = np.exp(a + (place - left) * (b - a))
    return np.where((f0[left] > 0) & (f0[right] > 0) & (np.abs(b - a) < STEP), between, _of_nearest(f0, times))


def _of_nearest(f0: _Array, times: _Array) -> _Array:
    return f0[np.clip(np.rint(times / FRAME), 0, len(f0) - 1).astype(int)]


def _runs(instants: _Array, period: _Array) -> list[_Array]:
    """Instants with no gap between them."""
    return np.split(instants, np.flatnonzero(np.diff(instants) > LONGEST * period[:-1]) + 1)


def _smoothed(instants: _Array) -> _Array:
    """Instants whose distances from even ones are smoothed."""
    number = np.arange(len(instants))
    even = np.polyval(np.polyfit(number, instants, 1), number)
    return even + gaussian_filter1d(instants - even, SMOOTHED, mode="nearest")
