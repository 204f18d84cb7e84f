"""DiffWave's gated dilated residual stack, at the frame rate."""

from jaxtyping import Float
from torch import Tensor, nn

Frames = Float[Tensor, "batch channels frames"]


class FrameNorm(nn.Module):
    """Layer normalization over the channels of each frame, so that no two moments are mixed."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Frames) -> Frames:
        """Frames of zero mean and unit variance, but for what was learnt."""
        return self.norm(x.mT).mT


class GatedBlock(nn.Module):
    """x + W·(sigmoid(a) * tanh(b)), with a and b from a dilated convolution of the normalized x."""

    def __init__(self, *, channels: int, dilation: int) -> None:
        super().__init__()
        self.norm = FrameNorm(channels)
        self.dilated = nn.Conv1d(channels, 2 * channels, 3, padding=dilation, dilation=dilation)
        self.output = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Frames, shift: Float[Tensor, "batch channels 1"] | None = None) -> Frames:
        """The frames and what is added to them; `shift` moves the normalized ones, as the step says."""
        h = self.norm(x) if shift is None else self.norm(x) + shift
        gate, value = self.dilated(h).chunk(2, dim=1)
        return x + self.output(gate.sigmoid() * value.tanh())


class GatedStack(nn.Module):
    """A pointwise layer in, gated blocks whose dilation doubles and starts anew every cycle, a pointwise layer out.

    The output layer starts at zero. With `step_channels` every block is told the noise time through an
    embedding of that size. `frame_radius` is the receptive radius in frames.
    """

    def __init__(
        self,
        *,
        inputs: int,
        outputs: int,
        channels: int,
        layers: int,
        dilation_cycle: int,
        step_channels: int | None = None,
    ) -> None:
        super().__init__()
        dilations = [2 ** (layer % dilation_cycle) for layer in range(layers)]
        self.input = nn.Conv1d(inputs, channels, 1)
        self.blocks = nn.ModuleList(GatedBlock(channels=channels, dilation=d) for d in dilations)
        self.shifts = nn.Linear(step_channels, layers * channels) if step_channels else None
        self.norm = FrameNorm(channels)
        self.output = nn.Conv1d(channels, outputs, 1)
        self.frame_radius = sum(dilations)
        for parameter in self.output.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self,
        x: Float[Tensor, "batch inputs frames"],
        step: Float[Tensor, "batch step_channels"] | None = None,
    ) -> Float[Tensor, "batch outputs frames"]:
        """Pass features of every frame, and the embedding of the step if the stack was built for one."""
        h = self.input(x)
        shifts = [None] * len(self.blocks)
        if self.shifts is not None:
            shifts = self.shifts(step).unsqueeze(-1).chunk(len(self.blocks), dim=1)
        for block, shift in zip(self.blocks, shifts, strict=True):
            h = block(h, shift)
        return self.output(self.norm(h))
