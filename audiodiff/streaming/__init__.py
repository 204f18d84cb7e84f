"""Synthesis in constant memory: a mel that comes in pieces, a waveform that goes out in pieces, the same to rounding."""

from audiodiff.streaming.stream import ModelStream
from audiodiff.streaming.vocoding import VocoderStream

__all__ = ["ModelStream", "VocoderStream"]
