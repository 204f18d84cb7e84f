"""f0 and voicing of a mel: the source model of a source-filter voice."""

import copy
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.errors import ConfigError
from audiodiff.mel.envelope import BandLevels
from audiodiff.mel.hertz import HertzView
from audiodiff.mel.spec import MelSpec
from audiodiff.networks.blockwise import BlockwiseStack
from audiodiff.networks.gated import GatedStack
from audiodiff.networks.packed_stack import Packing, ParameterVersion, state_of
from audiodiff.types import F0, Mel

NEAR = 3
"""Candidates to either side of the likeliest one over which f0 is averaged."""


class SourceNetwork(nn.Module):
    """A distribution of f0 over candidates on a logarithmic scale, and the odds of voicing, for every frame of a mel.

    The candidates are `per_octave` frequencies an octave from `lowest` to `highest` hertz. The last output is the
    logit of voicing. `frame_radius` is the receptive radius in frames.
    """

    frequencies: Tensor
    view_of: type[BandLevels | HertzView] = BandLevels
    ends = 0
    """Candidates at either end of the range that stand for no pitch but for one that is lost."""

    def __init__(
        self,
        *,
        mel: MelSpec,
        channels: int = 128,
        layers: int = 4,
        dilation_cycle: int = 2,
        lowest: float = 50.0,
        highest: float = 1100.0,
        per_octave: int = 36,
    ) -> None:
        super().__init__()
        if not 0 < lowest < highest < mel.sample_rate / 2:
            raise ConfigError(
                f"f0 from {lowest} to {highest} Hz: expected a rising range below {mel.sample_rate / 2:g}"
            )
        self.view = self.view_of(mel)
        self.lowest, self.per_octave = lowest, per_octave
        count = int(math.log2(highest / lowest) * per_octave) + 1
        frequencies = lowest * 2 ** (torch.arange(count, dtype=torch.float64) / per_octave)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.stack = GatedStack(
            inputs=self.view.planes, outputs=count + 1, channels=channels, layers=layers, dilation_cycle=dilation_cycle
        )
        self.frame_radius = self.stack.frame_radius
        self._exact: tuple[ParameterVersion, GatedStack] | None = None
        self._packing = Packing()

    def forward(self, mel: Mel) -> Float[Tensor, "batch outputs frames"]:
        """The logits of all candidates, and of voicing."""
        return self.stack(self.view(mel))

    @torch.no_grad()
    def f0(self, mel: Mel) -> F0:
        """The likeliest f0 of every frame, in float64.

        Decisions are taken in float64 throughout: in float32 the rounding of a longer piece or of another batch could
        tip one over, and a stream would part from the whole.
        """
        with torch.autocast(mel.device.type, enabled=False):
            return self.decided(self.exact()(self.view(mel.double())))

    def exact(self) -> GatedStack:
        """The stack in float64, as its weights are now."""
        state = state_of(self.stack)
        if self._exact is None or self._exact[0] != state:
            self._exact = state, copy.deepcopy(self.stack).double()
        return self._exact[1]

    def blockwise(self) -> "BlockwiseSource":
        """Begin with one mel that comes in pieces."""
        return BlockwiseSource(self, BlockwiseStack(self._packing.of(self.exact())))

    def decided(self, logits: Float[Tensor, "batch outputs frames"]) -> F0:
        """The mean of the candidates around the likeliest one, weighted by their probabilities; 0 where unvoiced.

        A frame whose likeliest candidate is one of the `ends` is unvoiced.
        """
        candidates, voicing = logits[:, :-1], logits[:, -1]
        top = candidates.argmax(dim=1, keepdim=True)
        index = torch.arange(candidates.shape[1], device=logits.device).view(1, -1, 1)
        near = candidates.masked_fill((index - top).abs() > NEAR, -math.inf).softmax(dim=1)
        octaves = (near * index).sum(dim=1) / self.per_octave
        inside = (top >= self.ends) & (top < candidates.shape[1] - self.ends)
        return torch.where((voicing > 0) & inside.squeeze(1), self.lowest * 2**octaves, 0.0)

    def targets(self, f0: F0) -> tuple[Float[Tensor, "batch candidates frames"], Float[Tensor, "batch frames"]]:
        """Soft targets: a Gaussian of one candidate's width around f0, and whether each frame is voiced."""
        place = self.per_octave * torch.log2(f0.clamp_min(self.lowest) / self.lowest)
        index = torch.arange(len(self.frequencies), device=f0.device).view(1, -1, 1)
        near = torch.exp(-0.5 * (index - place.unsqueeze(1)).square())
        return near / near.sum(dim=1, keepdim=True).clamp_min(1e-6), (f0 > 0).to(f0)

    def loss(self, logits: Float[Tensor, "batch outputs frames"], f0: F0) -> tuple[Tensor, Tensor]:
        """Cross entropies of f0, over voiced frames, and of voicing."""
        near, voiced = self.targets(f0)
        entropy = -(near * logits[:, :-1].log_softmax(dim=1)).sum(dim=1)
        pitch = (entropy * voiced).sum() / voiced.sum().clamp_min(1)
        return pitch, F.binary_cross_entropy_with_logits(logits[:, -1], voiced)

    def distance(self, logits: Float[Tensor, "batch outputs frames"], f0: F0) -> Tensor:
        """Mean distance of the candidates near f0, as `decided` averages them, from it; in candidates.

        Cross entropy hears which candidate it is, and hardly how near the average of them comes.
        """
        place = self.per_octave * torch.log2(f0.clamp(self.lowest, float(self.frequencies[-1])) / self.lowest)
        index = torch.arange(len(self.frequencies), device=f0.device).view(1, -1, 1)
        far = (index - place.unsqueeze(1)).abs() > NEAR
        near = logits[:, :-1].float().masked_fill(far, -math.inf).softmax(dim=1)
        voiced = f0 > 0
        error = ((near * index).sum(dim=1) - place).abs()
        return torch.where(voiced, error, 0.0).sum() / voiced.sum().clamp_min(1)


class HertzSource(SourceNetwork):
    """The same from the log bands of any convention, at fine frames: `FineBands` are its mels.

    The pitch tracker that it learns from ends where this ends, and says so of chords (50 Hz) and hisses (1100 Hz).
    """

    view_of = HertzView
    ends = 4


class BlockwiseSource:
    """The f0 of a `SourceNetwork`, for one mel that comes in pieces; it lags by the network's `frame_radius`."""

    def __init__(self, network: SourceNetwork, stack: BlockwiseStack) -> None:
        self.network, self.stack = network, stack

    @torch.no_grad()
    def feed(self, mel: Mel, *, last: bool) -> Float[Tensor, "1 ready"]:
        """Take the next frames [1, n_mels, frames]; return the f0 of those that are ready."""
        with torch.autocast(mel.device.type, enabled=False):
            logits = self.stack.feed(self.network.view(mel.double())[0].mT, last=last)
        return self.network.decided(logits.mT.unsqueeze(0))
