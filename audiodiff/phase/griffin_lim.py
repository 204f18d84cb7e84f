"""A waveform from magnitudes alone."""

import torch

from audiodiff.audio.stft import Spectrum, Stft
from audiodiff.types import Magnitudes, Wave

MOMENTUM = 0.99
"""0 is the original algorithm of Griffin & Lim (1984)."""
TINY = 1e-30
"""Energy that is added before dividing by it."""


@torch.no_grad()
def griffin_lim(magnitudes: Magnitudes, phases: Spectrum, stft: Stft, iterations: int) -> Wave:
    """Find a waveform whose STFT has these magnitudes, by fast Griffin-Lim (Perraudin et al. 2013, alg. 2).

    `phases` are unit-modulus complex numbers to start from. Returns `hop_length · frames` samples.
    """
    norm = stft.window_sum(magnitudes.shape[-1])
    wave = stft.inverse(magnitudes * phases, norm)
    previous = None
    for _ in range(iterations):
        consistent = stft(wave)
        step = consistent if previous is None else extrapolated(previous, consistent, MOMENTUM)
        previous = consistent
        wave = stft.inverse(with_magnitudes(step, magnitudes), norm)
    return wave


def extrapolated(previous: Spectrum, now: Spectrum, momentum: float) -> Spectrum:
    """Return now + momentum · (now - previous)."""
    return torch.view_as_complex(torch.lerp(torch.view_as_real(previous), torch.view_as_real(now), 1 + momentum))


def energy(spectrum: Spectrum) -> Magnitudes:
    """Return |X|², which torch's own `abs` takes three times as long to come near."""
    return spectrum.real.square() + spectrum.imag.square()


def with_magnitudes(spectrum: Spectrum, magnitudes: Magnitudes) -> Spectrum:
    """Keep the phases of a spectrum and replace its magnitudes; silence stays silent."""
    return spectrum * energy(spectrum).add_(TINY).rsqrt_().mul_(magnitudes)
