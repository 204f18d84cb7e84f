"""Inference faster than the modules themselves: the same functions of the same weights, arranged for a processor."""

from audiodiff.engine.calls import CallsInTiles
from audiodiff.engine.network import FastDiffWave, accelerated
from audiodiff.engine.precision import Precision, chosen_dtype

__all__ = ["CallsInTiles", "FastDiffWave", "Precision", "accelerated", "chosen_dtype"]
