"""Networks: tensors in, tensors out, with a finite and computed context."""

from audiodiff.networks.diffwave import DiffWave
from audiodiff.networks.magnitudes import MagnitudeNetwork
from audiodiff.networks.spectral import SpectralDiffWave

__all__ = ["DiffWave", "MagnitudeNetwork", "SpectralDiffWave"]
