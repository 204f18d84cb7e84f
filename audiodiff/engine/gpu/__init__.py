"""DiffWave on a GPU: its blocks as one Triton kernel each, its sampling as one CUDA graph. docs/speed_gpu.md.

Nothing here imports Triton before a kernel is launched.
"""

from audiodiff.engine.gpu.model import RecordedModel
from audiodiff.engine.gpu.network import FusedDiffWave, obstacle

__all__ = ["FusedDiffWave", "RecordedModel", "obstacle"]
