"""Networks: tensors in, tensors out, with a finite and computed receptive field."""

from audiodiff.networks.clip_embedding import ClipEmbedding
from audiodiff.networks.diffwave import DiffWave
from audiodiff.networks.filter import FilterNetwork, SpreadNetwork
from audiodiff.networks.from_v import FromV
from audiodiff.networks.hertz_filter import HertzFilter, HertzSpread
from audiodiff.networks.keep_to_mel import KeepToMel
from audiodiff.networks.magnitudes import MagnitudeNetwork
from audiodiff.networks.mel_generator import MelGenerator
from audiodiff.networks.source import HertzSource, SourceNetwork
from audiodiff.networks.spectral_gains import SpectralGainNetwork
from audiodiff.networks.whitening import Whitening

__all__ = [
    "ClipEmbedding",
    "DiffWave",
    "FilterNetwork",
    "FromV",
    "HertzFilter",
    "HertzSource",
    "HertzSpread",
    "KeepToMel",
    "MagnitudeNetwork",
    "MelGenerator",
    "SourceNetwork",
    "SpectralGainNetwork",
    "SpreadNetwork",
    "Whitening",
]
