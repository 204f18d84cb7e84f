"""Synthesis in constant memory: a mel in pieces in, a waveform in pieces out, the same as the whole to rounding."""

from audiodiff.streaming.stream import ModelStream
from audiodiff.streaming.vocoding import VocoderStream
from audiodiff.streaming.whole import LONG, vocoded

__all__ = ["LONG", "ModelStream", "VocoderStream", "vocoded"]
