"""Inference faster than the modules themselves: the same functions of the same weights, arranged for a processor."""

from audiodiff.engine.network import FastDiffWave, accelerated

__all__ = ["FastDiffWave", "accelerated"]
