"""Inference faster than the modules themselves: the same functions of the same weights, arranged for a processor."""

from audiodiff.engine.compilation import compiled
from audiodiff.engine.diffwave.cpu import FastDiffWave, accelerated
from audiodiff.engine.diffwave.gpu import RecordedModel
from audiodiff.engine.diffwave.tiles import CallsInTiles
from audiodiff.engine.precision import Precision, chosen_dtype

__all__ = ["CallsInTiles", "FastDiffWave", "Precision", "RecordedModel", "accelerated", "chosen_dtype", "compiled"]
