"""Losses that compare sounds by their spectra, deaf to phase."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.errors import ConfigError
from audiodiff.mel.filterbank import LINEAR_HERTZ_PER_MEL, hertz_to_mel
from audiodiff.mel.front_end import MelSpectrogram
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Hertz, Samples, Wave

MEL_WINDOWS = (32, 64, 128, 256, 512, 1024, 2048)
"""Of `MultiResolutionMel`, in samples."""
QUIET_REFERENCE = 1e-2
"""Root mean square magnitude below which a reference counts as that loud in spectral convergence, which divides by it:
-60 dB of full scale in a window of 1024 samples."""
FAINTEST = 1e-4
"""Magnitude below which all counts as that loud, so that digital silence does not dominate."""
QUIETEST = 1e-10
"""Power added to every bin, so that the magnitude of a silent one has a gradient."""


class MultiResolutionStft(nn.Module):
    """Spectral convergence plus L1 of log magnitudes, averaged over several windows.

    (Arik et al. 2019 and Yamamoto et al. 2020, eq. 4 to 6.)
    """

    def __init__(self, *, n_ffts: tuple[Samples, ...] = (512, 1024, 2048)) -> None:
        super().__init__()
        self.windows = nn.ParameterList(nn.Parameter(torch.hann_window(n_fft), requires_grad=False) for n_fft in n_ffts)

    def forward(self, wave: Wave, reference: Wave) -> Float[Tensor, ""]:
        """The loss of waveforms [batch, samples]; raises `ConfigError` for those that are too short for a window."""
        return torch.stack([self._one(wave, reference, window) for window in self.windows]).mean()

    def _one(self, wave: Wave, reference: Wave, window: Tensor) -> Float[Tensor, ""]:
        ours, theirs = self._magnitude(wave, window), self._magnitude(reference, window)
        difference = torch.linalg.vector_norm(theirs - ours, dim=(1, 2))
        silent = QUIET_REFERENCE * math.sqrt(theirs[0].numel())
        convergence = difference / torch.linalg.vector_norm(theirs, dim=(1, 2)).clamp_min(silent)
        distance = convergence.mean() + (ours.log() - theirs.log()).abs().mean()
        return distance

    def _magnitude(self, wave: Wave, window: Tensor) -> Float[Tensor, "batch bins frames"]:
        if wave.shape[-1] <= len(window) // 2:
            raise ConfigError(
                f"{wave.shape[-1]} samples are compared, too few for windows of {len(window)}: raise data.segment, "
                "of which some frames at either end do not count"
            )
        spectrum = torch.stft(wave, len(window), len(window) // 4, window=window, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
        return power.clamp_min(FAINTEST**2).sqrt()


class MultiResolutionMel(nn.Module):
    """L1 of log mels, averaged over several windows: spectra as the ear spaces them.

    (Kumar et al. 2023, section 3.5; Lee et al. 2024, BigVGAN-v2.) A mean over bins of an STFT is hardly about the
    lowest kilohertz, which is one bin in eleven at 22 kHz; here it is a third.
    """

    def __init__(self, sample_rate: Hertz, windows: tuple[Samples, ...] = MEL_WINDOWS) -> None:
        super().__init__()
        self.front_ends = nn.ModuleList(MelSpectrogram(_resolved(sample_rate, window)) for window in windows)

    def forward(self, wave: Wave, reference: Wave) -> Float[Tensor, ""]:
        """The loss of waveforms [batch, samples]."""
        return torch.stack([(of(wave) - of(reference)).abs().mean() for of in self.front_ends]).mean()


def _resolved(sample_rate: Hertz, window: Samples) -> MelSpec:
    """A mel of as many bands as a window resolves: the lowest are a bin apart."""
    top = float(hertz_to_mel(np.array(sample_rate / 2), "slaney"))
    bands = max(1, int(top * LINEAR_HERTZ_PER_MEL * window / sample_rate) - 1)
    return MelSpec(
        sample_rate=sample_rate,
        n_fft=window,
        win_length=window,
        hop_length=window // 4,
        n_mels=bands,
        magnitude_epsilon=QUIETEST,
    )
