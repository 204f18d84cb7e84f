"""DiffWave, the denoiser that works on waveform samples (Kong et al. 2021, https://arxiv.org/abs/2009.09761)."""

from math import sqrt

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.conditioning import Conditioning
from audiodiff.networks.embeddings import StepEmbedding
from audiodiff.networks.upsampling import MelUpsampler
from audiodiff.types import Samples, Time, Wave

Hidden = Float[Tensor, "batch channels samples"]


class ResidualBlock(nn.Module):
    """One gated dilated convolution, told the step and the mel (Kong et al. 2021, figure 2)."""

    def __init__(self, *, channels: int, dilation: int, n_mels: int, step_channels: int) -> None:
        super().__init__()
        self.step = nn.Linear(step_channels, channels)
        self.dilated = nn.Conv1d(channels, 2 * channels, 3, padding=dilation, dilation=dilation)
        self.conditioner = nn.Conv1d(n_mels, 2 * channels, 1)
        self.output = nn.Conv1d(channels, 2 * channels, 1)

    def forward(
        self,
        x: Hidden,
        step: Float[Tensor, "batch step_channels"],
        mel: Float[Tensor, "batch n_mels samples"],
    ) -> tuple[Hidden, Hidden]:
        """Return the input of the next block and this block's share of the output."""
        h = x + self.step(step).unsqueeze(-1)
        gate, value = (self.dilated(h) + self.conditioner(mel)).chunk(2, dim=1)
        residual, skip = self.output(gate.sigmoid() * value.tanh()).chunk(2, dim=1)
        return (x + residual) / sqrt(2), skip  # keeps the variance of the sum at one


class DiffWave(nn.Module):
    """A stack of gated dilated convolutions over the waveform; the dilation doubles and starts anew every cycle.

    The defaults are the paper's BASE model. `n_steps` is T, the number of training steps that the step
    embedding counts in.
    """

    def __init__(
        self,
        *,
        n_mels: int,
        hop_length: Samples,
        channels: int = 64,
        layers: int = 30,
        dilation_cycle: int = 10,
        n_steps: int = 50,
    ) -> None:
        super().__init__()
        self.hop_length = hop_length
        self.input = nn.Conv1d(1, channels, 1)
        self.embedding = StepEmbedding(n_steps=n_steps)
        self.upsampler = MelUpsampler(hop_length=hop_length)
        dilations = [2 ** (layer % dilation_cycle) for layer in range(layers)]
        self.blocks = nn.ModuleList(
            ResidualBlock(channels=channels, dilation=dilation, n_mels=n_mels, step_channels=512)
            for dilation in dilations
        )
        self.skip = nn.Conv1d(channels, channels, 1)
        self.output = nn.Conv1d(channels, 1, 1)
        self.context: Samples = sum(dilations)
        self._initialize()

    def forward(self, x_t: Wave, t: Time, cond: Conditioning) -> Wave:
        """Map `hop_length · frames` noisy samples, their noise time and the mel to the prediction."""
        x = F.relu(self.input(x_t.unsqueeze(1)))
        step, mel = self.embedding(t), self.upsampler(cond.need_mel())
        total = 0.0
        for block in self.blocks:
            x, skip = block(x, step, mel)
            total = total + skip
        x = F.relu(self.skip(total / sqrt(len(self.blocks))))
        return self.output(x).squeeze(1)

    def _initialize(self) -> None:
        convolutions = [self.input, self.skip, *(block.dilated for block in self.blocks)]
        convolutions += [c for block in self.blocks for c in (block.conditioner, block.output)]
        for convolution in convolutions:
            nn.init.kaiming_normal_(convolution.weight)
        nn.init.zeros_(self.output.weight)
