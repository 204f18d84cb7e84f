"""The public way to turn mels into sound."""

from audiodiff.vocoder.calling import Vocoder

__all__ = ["Vocoder"]
