"""A waveform from magnitudes alone."""

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.audio.stft import Spectrum, Stft
from audiodiff.types import Wave

Magnitudes = Float[Tensor, "batch bins frames"]


@torch.no_grad()
def griffin_lim(magnitudes: Magnitudes, phases: Spectrum, stft: Stft, iterations: int, momentum: float = 0.99) -> Wave:
    """Find a waveform whose STFT has these magnitudes, by fast Griffin-Lim (Perraudin et al. 2013, alg. 2).

    `phases` are unit-modulus complex numbers to start from. `momentum` 0 is the original algorithm of
    Griffin & Lim (1984). Returns `hop_length · frames` samples.
    """
    norm = stft.window_sum(magnitudes.shape[-1])
    wave = stft.inverse(magnitudes * phases, norm)
    previous = None
    for _ in range(iterations):
        consistent = stft(wave)
        step = consistent if previous is None else consistent + momentum * (consistent - previous)
        previous = consistent
        wave = stft.inverse(magnitudes * torch.sgn(step), norm)
    return wave
