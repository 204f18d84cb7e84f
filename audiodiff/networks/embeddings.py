"""Embeddings of the noise time."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.types import Time

_Step = Float[Tensor, " batch"]
_Features = Float[Tensor, "batch 128"]


class RisingSinusoids(nn.Module):
    """64 sines and 64 cosines of step·10^(4k/63), k = 0 … 63 (Kong et al. 2021, section 3.1).

    Between two whole steps they are interpolated linearly: the highest frequencies turn thousands of radians
    per step and mean nothing in between.
    """

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", 10 ** (torch.arange(64) * 4.0 / 63), persistent=False)

    def forward(self, step: _Step) -> _Features:
        """The features [batch, 128] of steps, which need not be whole."""
        low = step.floor()
        return torch.lerp(self._whole(low), self._whole(low + 1), (step - low).unsqueeze(-1))

    def angle(self, step: _Step) -> Float[Tensor, "batch 64"]:
        """The argument of the sinusoids at a whole step."""
        return step.unsqueeze(-1) * self.frequencies.double()

    def _whole(self, step: _Step) -> _Features:
        angle = self.angle(step)
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class RoundedSinusoids(RisingSinusoids):
    """The same with angles in float32, off by up to 0.02 radians at step 50: what lmnt's DiffWave learnt from."""

    def angle(self, step: _Step) -> Float[Tensor, "batch 64"]:
        """The argument of the sinusoids at a whole step, rounded."""
        return (step.float().unsqueeze(-1) * self.frequencies).double()


class FallingSinusoids(nn.Module):
    """64 sines and 64 cosines of step·10^(-4k/63), for any real step: philsyn's DiffWave and BDDM."""

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", 10 ** (torch.arange(64) * -4.0 / 63), persistent=False)

    def forward(self, step: _Step) -> _Features:
        """The features [batch, 128] of steps."""
        angle = step.unsqueeze(-1) * self.frequencies.double()
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class StepEmbedding(nn.Module):
    """DiffWave's embedding of the diffusion step (Kong et al. 2021, section 3.1).

    The step = t·n_steps - 1 becomes 128 sinusoids, then passes two fully connected layers with swish, the
    first to `hidden` (by default `channels`), the second to `channels` features.
    """

    def __init__(
        self,
        *,
        n_steps: int,
        channels: int = 512,
        hidden: int | None = None,
        sinusoids: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.channels = channels
        self.sinusoids = sinusoids or RisingSinusoids()
        self.projection1 = nn.Linear(128, hidden or channels)
        self.projection2 = nn.Linear(hidden or channels, channels)

    def forward(self, t: Time) -> Float[Tensor, "batch channels"]:
        """The embedding of noise times from 0 to 1, one for all items or one for each."""
        step = (t.reshape(-1).double() * self.n_steps - 1).clamp_min(0)
        features = self.sinusoids(step).to(self.projection1.weight.dtype)
        return F.silu(self.projection2(F.silu(self.projection1(features))))
