"""audiodiff: diffusion vocoders, from mel spectrograms to waveforms."""

__version__ = "0.1.0"
