"""The arithmetic of a block in one call of the kernel."""

import torch
from torch import Tensor

from audiodiff.engine.mels import Begin
from audiodiff.engine.native.kernel import Kernel
from audiodiff.engine.packed import PackedBlock
from audiodiff.engine.window import State
from audiodiff.types import Samples


class Fused:
    """Factors of the kernel's dtype, all else in float32 and in registers; an instance belongs to one thread."""

    def __init__(self, kernel: Kernel, channels: int, rows: Samples, widest: Samples) -> None:
        self._kernel = kernel
        self._x = torch.empty(rows + 2 * widest, channels, dtype=kernel.dtype)
        self._mel = torch.empty(rows, 2 * channels, dtype=kernel.dtype)

    def __call__(self, block: PackedBlock, bias: Tensor, begin: Begin | None, seen: State, out: State) -> None:
        """Write the next block's rows to `out`."""
        n, channels = len(out), self._x.shape[1]
        mel = None if begin is None else begin(self._mel[:n])
        self._kernel(n, block.dilation, channels, seen, mel, bias, block.taps, block.output, self._x, out)
