"""audiodiff: diffusion vocoders, from mel spectrograms to waveforms."""

from audiodiff.audio.io import load_audio
from audiodiff.generation.generator import Generator
from audiodiff.mel.spec import MelSpec
from audiodiff.version import __version__
from audiodiff.vocoder import Vocoder

__all__ = ["Generator", "MelSpec", "Vocoder", "__version__", "load_audio"]
