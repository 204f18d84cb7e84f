"""Mel filterbanks, as librosa and torchaudio define them."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from audiodiff.mel.spec import HTK_CORNER, MelScale, MelSpec

Array = npt.NDArray[np.float64]

LINEAR_HERTZ_PER_MEL = 200 / 3
LOG_START_HERTZ, LOG_START_MEL = 1000.0, 15.0
LOG_STEP = np.log(6.4) / 27


def hertz_to_mel(hertz: Array, mel_scale: MelScale, htk_corner: float = HTK_CORNER) -> Array:
    """Slaney's Auditory Toolbox scale (linear to 1 kHz, then logarithmic) or O'Shaughnessy's 1987 (HTK)."""
    if mel_scale == "htk":
        return 2595 * np.log10(1 + hertz / htk_corner)
    log_part = LOG_START_MEL + np.log(np.maximum(hertz, LOG_START_HERTZ) / LOG_START_HERTZ) / LOG_STEP
    return np.where(hertz < LOG_START_HERTZ, hertz / LINEAR_HERTZ_PER_MEL, log_part)


def mel_to_hertz(mel: Array, mel_scale: MelScale, htk_corner: float = HTK_CORNER) -> Array:
    """Invert `hertz_to_mel`."""
    if mel_scale == "htk":
        return htk_corner * (10 ** (mel / 2595) - 1)
    log_part = LOG_START_HERTZ * np.exp(LOG_STEP * (mel - LOG_START_MEL))
    return np.where(mel < LOG_START_MEL, mel * LINEAR_HERTZ_PER_MEL, log_part)


def band_edges(spec: MelSpec) -> Array:
    """The n_mels + 2 corner frequencies of the triangles, in hertz."""
    lowest, highest = hertz_to_mel(np.array([spec.f_min, spec.f_top]), spec.mel_scale, spec.htk_corner)
    return mel_to_hertz(np.linspace(lowest, highest, spec.n_mels + 2), spec.mel_scale, spec.htk_corner)


def mel_filterbank(spec: MelSpec) -> Tensor:
    """Triangular filters on the STFT bins: float32 [n_mels, n_fft // 2 + 1], computed in float64."""
    edges = band_edges(spec)
    bins = np.linspace(0, spec.sample_rate / 2, spec.n_fft // 2 + 1)
    slopes = (bins[None, :] - edges[:, None]) / np.maximum(np.diff(edges, append=edges[-1] + 1), 1e-12)[:, None]
    filters = np.maximum(0, np.minimum(slopes[:-2], 1 - slopes[1:-1]))
    if spec.mel_norm == "slaney":
        filters *= (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(filters.astype(np.float32))
