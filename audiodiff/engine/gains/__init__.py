"""The convolutions of a `SpectralGainNetwork` on a processor, in C."""
