"""The launch of the fused residual block. Triton is imported with the first one."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from audiodiff.engine.diffwave.gpu.fused_weights import MEL_GROUP, BlockBuffers, FusedBlock


@dataclass(frozen=True)
class KernelTile:
    """Work of one program of the kernel: samples, channels per product in and out, and its warps."""

    rows: int
    k: int
    n: int
    warps: int

    @classmethod
    def of(cls, channels: int, dtype: torch.dtype) -> "KernelTile":
        """The tile for a block; chosen by what the compiler needs for it, see docs/speed_gpu.md."""
        if dtype == torch.float32:
            return cls(rows=32, k=16, n=16, warps=4)
        return cls(rows=64, k=min(channels, 64), n=channels, warps=4 if channels <= 64 else 8)


def triton_runs_on(device: torch.device) -> bool:
    """Check whether Triton is installed and runs on a device: a GPU with bfloat16, or its interpreter anywhere."""
    if find_spec("triton") is None:
        return False
    if device.type == "cuda":
        return torch.version.hip is None and torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and interpreted()


def interpreted() -> bool:
    """Check whether kernels are interpreted on the processor, which `TRITON_INTERPRET=1` asks for: slow, for tests."""
    from triton import knobs

    return knobs.runtime.interpret


def add_block(block: FusedBlock, state: BlockBuffers, mel: Tensor, lengths: Tensor, shift: Tensor) -> None:
    """Let one block work on `state`.

    `mel` is [batch, samples, bands] in the dtype of the block's factors, `lengths` [batch] int32 in samples, `shift`
    [batch, channels] float32. What lies beyond an item's length is outside its signal and is not written.
    """
    from audiodiff.engine.diffwave.gpu.triton_kernel import residual_block

    batch, samples, channels = state.x.shape
    tile = KernelTile.of(channels, block.taps.dtype)
    grid = (-(-samples // tile.rows), batch)
    launch: Any = residual_block[grid]  # on the current device, which the caller has seen to
    launch(
        *(state.x, state.total, state.next, mel, lengths, shift),
        *(block.taps, block.conditioner, block.bias, block.output),
        samples,
        block.dilation,
        C=channels,
        MELS=len(block.conditioner),
        ROWS=tile.rows,
        K=tile.k,
        MEL_K=MEL_GROUP,
        N=tile.n,
        WIDE=interpreted(),
        FACTORS="tf32" if torch.backends.cuda.matmul.allow_tf32 else "ieee",
        num_warps=tile.warps,
        num_stages=2,
    )
    state.step()
