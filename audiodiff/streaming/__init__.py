"""Synthesis in constant memory: a mel in pieces in, a waveform in pieces out, the same as the whole to rounding."""

from audiodiff.streaming.model_stream import ModelStream
from audiodiff.streaming.pieces import open_stream
from audiodiff.streaming.synthesis import LONG, synthesize, synthesize_each
from audiodiff.streaming.vocoder_stream import VocoderStream

__all__ = ["LONG", "ModelStream", "VocoderStream", "open_stream", "synthesize", "synthesize_each"]
