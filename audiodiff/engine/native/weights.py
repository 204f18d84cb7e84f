"""A DiffWave's weights as the kernel reads them."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from audiodiff.engine.native.kernel import Kernel
from audiodiff.engine.packed import Packed


@dataclass(frozen=True, eq=False)
class InPanels(Packed):
    """`Packed` whose blocks have the factors of taps and output in panels, and the kernel that is for them."""

    kernel: Kernel

    @classmethod
    def of(cls, weights: Packed, kernel: Kernel) -> "InPanels":
        """Rearrange weights of the kernel's dtype."""
        n_panels = len(weights.skip) // kernel.wide

        def panels(columns: Tensor) -> Tensor:
            """From [inputs, panels, 2, wide] to [panels, inputs / depth, 2, wide, depth]."""
            depth = 2 if kernel.dtype == torch.bfloat16 else 1
            return columns.unflatten(0, (-1, depth)).permute(2, 0, 3, 4, 1).contiguous()

        blocks = [
            replace(
                block,
                taps=panels(block.taps.flatten(end_dim=1).unflatten(1, (2, n_panels, -1)).transpose(1, 2)),
                output=panels(block.output.unflatten(1, (n_panels, 2, -1))),
            )
            for block in weights.blocks
        ]
        return cls(**{**vars(weights), "blocks": blocks}, kernel=kernel)
