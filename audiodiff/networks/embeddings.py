"""How a network is told the noise time."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.types import Time


class StepEmbedding(nn.Module):
    """DiffWave's embedding of the diffusion step (Kong et al. 2021, section 3.1).

    The step = t·n_steps - 1 becomes 64 sines and 64 cosines of step·10^(4k/63), k = 0 … 63, then passes two
    fully connected layers with swish. Between two whole steps the sinusoids are interpolated linearly: the
    highest frequencies turn thousands of radians per step and mean nothing in between.
    """

    frequencies: Tensor

    def __init__(self, *, n_steps: int, channels: int = 512) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.register_buffer("frequencies", 10 ** (torch.arange(64) * 4.0 / 63), persistent=False)
        self.projection1 = nn.Linear(128, channels)
        self.projection2 = nn.Linear(channels, channels)

    def forward(self, t: Time) -> Float[Tensor, "batch channels"]:
        step = (t.reshape(-1).double() * self.n_steps - 1).clamp_min(0)
        low = step.floor()
        table = torch.lerp(self._sinusoids(low), self._sinusoids(low + 1), (step - low).unsqueeze(-1))
        table = table.to(self.projection1.weight.dtype)
        return F.silu(self.projection2(F.silu(self.projection1(table))))

    def _sinusoids(self, step: Float[Tensor, " batch"]) -> Float[Tensor, "batch 128"]:
        angle = step.unsqueeze(-1) * self.frequencies.double()
        return torch.cat([angle.sin(), angle.cos()], dim=-1)
