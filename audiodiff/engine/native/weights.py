"""A DiffWave's weights as the kernel reads them."""

from dataclasses import dataclass, replace

from torch import Tensor

from audiodiff.engine.native.kernel import WIDE, Kernel
from audiodiff.engine.packed import Packed


@dataclass(frozen=True, eq=False)
class InPanels(Packed):
    """`Packed` whose blocks have the factors of taps and output in panels, and the kernel that is for them."""

    kernel: Kernel

    @classmethod
    def of(cls, weights: Packed, kernel: Kernel) -> "InPanels":
        """Rearrange weights in bfloat16."""
        channels = len(weights.skip)
        blocks = [
            replace(
                block,
                taps=panels(block.taps.flatten(end_dim=1).unflatten(1, (2, channels // WIDE, WIDE)).transpose(1, 2)),
                output=panels(block.output.unflatten(1, (channels // WIDE, 2, WIDE))),
            )
            for block in weights.blocks
        ]
        return cls(**{**vars(weights), "blocks": blocks}, kernel=kernel)


def panels(columns: Tensor) -> Tensor:
    """Weights [inputs, panels, 2, 16] as [panels, inputs / 2, 2, 16, 2]: two inputs that are multiplied at once."""
    return columns.unflatten(0, (-1, 2)).permute(2, 0, 3, 4, 1).contiguous()
