"""The compiler's view of the fused block for a GPU that need not be there: registers, spills, shared memory.

    python benchmarks/gpu_kernel.py [--channels 16,32,64,128] [--bands 80] [--architectures 80,90]

Triton and its ptxas translate for any architecture. Nothing is run, so this says nothing about speed, except that a
block that spills registers, or that does not fit into an SM's shared memory, would be slow, or would not start.
"""

import argparse
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from triton import compile as translated
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from audiodiff.engine.diffwave.gpu.fused_weights import MEL_GROUP
from audiodiff.engine.diffwave.gpu.launch import KernelTile
from audiodiff.engine.diffwave.gpu.triton_kernel import residual_block

TRITON = {torch.float32: "fp32", torch.bfloat16: "bf16"}
SHARED = {80: 163, 86: 99, 89: 99, 90: 227}
"""KiB of shared memory that a block of threads may have (CUDA C++ Programming Guide, compute capabilities)."""
REGISTERS = 65536
"""32-bit registers of an SM, on all of these."""


@dataclass(frozen=True)
class Compiled:
    """Per thread: registers and bytes of stack, where what is spilled goes. Per program: warps, bytes of shared memory.

    `products` counts the tensor cores' instructions in the PTX; of float32 there are none.
    """

    registers: int
    stack: int
    shared: int
    warps: int
    products: int

    @property
    def resident(self) -> int:
        """Programs that an SM's registers hold at a time."""
        return REGISTERS // (self.registers * self.warps * 32)


def compiled(architecture: int, channels: int, bands: int, dtype: torch.dtype, factors: str = "ieee") -> Compiled:
    """The kernel as `add_block` launches it; `factors` of float32 are "ieee" or "tf32"."""
    tile = KernelTile.of(channels, dtype)
    mels = -(-bands // MEL_GROUP) * MEL_GROUP
    sizes = {"C": channels, "MELS": mels, "ROWS": tile.rows, "K": tile.k, "MEL_K": MEL_GROUP, "N": tile.n}
    kinds = {name: kind(name, dtype) for name in residual_block.arg_names}
    source = ASTSource(residual_block, kinds, {**sizes, "WIDE": False, "FACTORS": factors}, ALIGNED)
    options = {"num_warps": tile.warps, "num_stages": 2}
    made = translated(source, target=GPUTarget("cuda", architecture, 32), options=options)
    with tempfile.TemporaryDirectory() as folder:
        cubin = Path(folder) / "block.cubin"
        cubin.write_bytes(made.asm["cubin"])
        command = [knobs.nvidia.cuobjdump.path, "-res-usage", str(cubin)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    registers, stack = map(int, re.findall(r"REG:(\d+) STACK:(\d+)", said)[0])
    products = len(re.findall(r"mma\.sync|wgmma\.mma_async", made.asm["ptx"]))
    return Compiled(registers, stack, made.metadata.shared, tile.warps, products)


def kind(name: str, dtype: torch.dtype) -> str:
    """Triton's word for what an argument of the kernel is."""
    if not name.endswith("_ptr"):
        return "i32" if name in ("samples", "dilation") else "constexpr"
    if name == "lengths_ptr":
        return "*i32"
    return "*" + TRITON[dtype if name in ("mel_ptr", "taps_ptr", "conditioner_ptr", "output_ptr") else torch.float32]


ALIGNED = {(i,): [["tt.divisibility", 16]] for i, name in enumerate(residual_block.arg_names) if name.endswith("_ptr")}
"""Of every pointer it is known that it is a multiple of 16 bytes, as those of torch's allocator are."""


def main(channels: list[int], bands: int, architectures: list[int]) -> None:
    """Print a row for each."""
    columns = (
        "",
        "C",
        "factors",
        "samples x warps",
        "registers",
        "stack",
        "shared KiB",
        "of",
        "programs/SM",
        "products",
    )
    table = Table(*columns, title=f"{bands} bands")
    for architecture in architectures:
        for c in channels:
            for dtype in TRITON:
                made, tile = compiled(architecture, c, bands, dtype), KernelTile.of(c, dtype)
                size = f"{made.shared / 1024:.0f}", str(SHARED.get(architecture, "?"))
                shape = f"sm_{architecture}", str(c), TRITON[dtype], f"{tile.rows} x {tile.warps}"
                table.add_row(
                    *shape, str(made.registers), str(made.stack), *size, str(made.resident), str(made.products)
                )
    Console(width=110).print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in (("--channels", "16,32,64,128"), ("--bands", "80"), ("--architectures", "80,90")):
        parser.add_argument(option, default=default)
    chosen = parser.parse_args()
    numbers = [[int(n) for n in text.split(",")] for text in (chosen.channels, chosen.architectures)]
    main(numbers[0], int(chosen.bands), numbers[1])
