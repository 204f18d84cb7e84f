"""A block of a DiffWave as one compiled function, for the processor that it runs on."""

from audiodiff.engine.native.kernel import Kernel, compiled_kernel, suits
from audiodiff.engine.native.products import Fused
from audiodiff.engine.native.weights import InPanels

__all__ = ["Fused", "InPanels", "Kernel", "compiled_kernel", "suits"]
