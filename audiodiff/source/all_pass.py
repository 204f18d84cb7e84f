"""The smooth all-pass by which recordings differ: microphones, high-pass filters, the mean shape of a glottal pulse."""

import numpy as np
import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.nn import functional as F

from audiodiff.types import Hertz

WIDTHS: tuple[float, ...] = (100.0, 400.0, 1600.0)
"""Standard deviations of the Gaussians over frequency that a phase is averaged by: the narrowest counts where the
recording and its reference agree, the wider ones where they hardly do."""
FALLING = 0.1
"""Weight of each width relative to the next narrower one."""
TAIL = 0.05
"""Seconds of silence around a recording that its all-pass may ring into."""


def smooth_phase(
    recording: Complex[Tensor, "bins frames"],
    reference: Complex[Tensor, "bins frames"],
    weight: Float[Tensor, "bins frames"],
    bin_width: float,
) -> Complex[Tensor, " bins"]:
    """e^(i phase) of the recording relative to its reference, averaged over frames and, smoothly, over frequency.

    `weight` is that of every bin, such as one over its power. Where nothing agrees the phase is that of what lies near,
    and 1 if nothing does.
    """
    cross = (recording * reference.conj() * weight).sum(dim=1)
    agreed = cross / (reference.abs().square() * weight).sum(dim=1).clamp_min(1e-12)
    found = torch.zeros_like(agreed)
    for index, width in enumerate(WIDTHS):
        found = found + FALLING**index * _blurred(agreed, width / bin_width)
    size = found.abs()
    return torch.where(size > 1e-12, found / size.clamp_min(1e-12), 1.0)


def without_phase(
    wave: Float[Tensor, " samples"], phase: Complex[Tensor, " bins"], bin_width: float, sample_rate: Hertz
) -> Float[Tensor, " samples"]:
    """The recording with that phase undone; above the last bin, the phase of the last bin."""
    around = int(TAIL * sample_rate)
    padded = F.pad(wave.double(), (around, around))
    spectrum = torch.fft.rfft(padded)
    hertz = np.fft.rfftfreq(len(padded), 1 / sample_rate)
    known = np.arange(len(phase)) * bin_width
    turned = phase.cpu().to(torch.complex128).numpy()
    angle = np.interp(hertz, known, np.real(turned)) + 1j * np.interp(hertz, known, np.imag(turned))
    angle /= np.maximum(np.abs(angle), 1e-12)
    angle[0] = angle[0].real / max(abs(angle[0].real), 1e-12)
    undone = torch.fft.irfft(spectrum * torch.from_numpy(angle).conj(), n=len(padded))
    return undone[around : around + len(wave)].float()


def _blurred(values: Complex[Tensor, " bins"], width: float) -> Complex[Tensor, " bins"]:
    reach = int(3 * width) + 1
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (offsets / width).square())
    kernel = (kernel / kernel.sum()).to(values.real.dtype).view(1, 1, -1)
    parts = torch.view_as_real(values).mT.unsqueeze(1)
    blurred = F.conv1d(F.pad(parts, (reach, reach), mode="replicate" if reach < len(values) else "constant"), kernel)
    return torch.view_as_complex(blurred[:, 0].mT.contiguous())
