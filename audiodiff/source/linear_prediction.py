"""Linear prediction by the autocorrelation method (Makhoul 1975)."""

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft

_Array = npt.NDArray[np.float64]


def predictors(frames: _Array, order: int) -> _Array:
    """Coefficients [frame, order] that predict a sample of windowed frames from those before it, the nearest first."""
    size = 1 << (2 * frames.shape[1] - 1).bit_length()
    power = np.abs(np.asarray(rfft(frames, size, axis=1))) ** 2
    r = np.asarray(irfft(power, axis=1))[:, : order + 1]
    r[:, 0] = r[:, 0] * (1 + 1e-5) + 1e-9  # noise far below, so that every frame has a solution
    return solved(r)


def solved(autocorrelation: _Array) -> _Array:
    """Coefficients [frame, order] by the autocorrelation [frame, order + 1] at lags from 0 on."""
    lags = np.arange(autocorrelation.shape[1] - 1)
    toeplitz = autocorrelation[:, np.abs(lags[:, None] - lags)]
    return np.asarray(np.linalg.solve(toeplitz, autocorrelation[:, 1:, None])[..., 0], dtype=np.float64)
