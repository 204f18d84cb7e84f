"""Priors: where sampling starts, and in which units the diffusion works."""

from audiodiff.priors.any_mel import AnyMelSourceFilter
from audiodiff.priors.energy import MelEnergy
from audiodiff.priors.inversion import MelInversion
from audiodiff.priors.isotropic import Isotropic
from audiodiff.priors.latent import MelLatent
from audiodiff.priors.source_filter import SourceFilter
from audiodiff.priors.spectral_envelope import SpectralEnvelope

__all__ = [
    "AnyMelSourceFilter",
    "Isotropic",
    "MelEnergy",
    "MelInversion",
    "MelLatent",
    "SourceFilter",
    "SpectralEnvelope",
]
