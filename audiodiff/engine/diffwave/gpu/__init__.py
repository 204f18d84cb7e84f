"""DiffWave on a GPU: its blocks as one Triton kernel each, its sampling as one CUDA graph. docs/speed_gpu.md.

Nothing here imports Triton before a kernel is launched.
"""

from audiodiff.engine.diffwave.gpu.fused import FusedDiffWave
from audiodiff.engine.diffwave.gpu.recorded_model import RecordedModel

__all__ = ["FusedDiffWave", "RecordedModel"]
