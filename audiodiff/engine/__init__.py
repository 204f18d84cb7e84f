"""Inference faster than the modules themselves: the same functions of the same weights, arranged for a processor."""

from audiodiff.engine.calls import CallsInTiles
from audiodiff.engine.choice import compiled
from audiodiff.engine.gpu import RecordedModel
from audiodiff.engine.network import FastDiffWave, accelerated
from audiodiff.engine.precision import Precision, chosen_dtype

__all__ = ["CallsInTiles", "FastDiffWave", "Precision", "RecordedModel", "accelerated", "chosen_dtype", "compiled"]
