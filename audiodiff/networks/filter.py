"""The filter of a source-filter voice: from a mel and its f0 to complex gains, and how far they can be trusted."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from audiodiff.mel.envelope import BandLevels, MelEnvelope
from audiodiff.mel.fine import FineEnvelope
from audiodiff.mel.spec import MelSpec
from audiodiff.networks.blockwise import BlockwiseStack
from audiodiff.networks.gated import GatedStack
from audiodiff.networks.packed_stack import Packing
from audiodiff.types import F0, Mel

TYPICAL = 200.0
"""Hertz that ln f0 is told relative to."""
LEAST = 0.05
"""The smallest spread: nothing is known better than to 5 % of the envelope."""


class FilterNetwork(nn.Module):
    """Complex gains H(bin, frame) = envelope · (a + ib) on a pulse train of unit power spectrum.

    They are what regression on recordings makes of them: where phases cannot be known, the gain shrinks.
    """

    def __init__(self, *, mel: MelSpec, channels: int = 256, layers: int = 6, dilation_cycle: int = 2) -> None:
        super().__init__()
        self.envelope, self.view = MelEnvelope(mel), BandLevels(mel)
        bins = mel.n_fft // 2 + 1
        self.stack = GatedStack(
            inputs=self.view.planes + 2,
            outputs=2 * bins,
            channels=channels,
            layers=layers,
            dilation_cycle=dilation_cycle,
        )
        self.frame_radius = self.stack.frame_radius
        self._packing = Packing()

    def forward(self, mel: Mel, f0: F0) -> Complex[Tensor, "batch bins frames"]:
        """The gains, in units of an STFT with a plain Hann window over that of unit white noise."""
        return self.gains(mel, self.stack(self.seen(mel, f0)))

    def seen(self, mel: Mel, f0: F0) -> Float[Tensor, "batch inputs frames"]:
        """The mel's level, ln f0 and voicing."""
        voiced = f0 > 0
        pitch = torch.where(voiced, (f0.clamp_min(1) / TYPICAL).log(), 0.0)
        return torch.cat([self.view(mel), torch.stack([pitch, voiced.to(pitch)], dim=1).to(mel)], dim=1)

    def blockwise(self) -> "BlockwiseFilter":
        """Begin with one mel that comes in pieces."""
        return BlockwiseFilter(self, BlockwiseStack(self._packing.of(self.stack)))

    def gains(self, mel: Mel, said: Float[Tensor, "batch outputs frames"]) -> Complex[Tensor, "batch bins frames"]:
        """Complex numbers of what the stack says, relative to the envelope."""
        real, imaginary = said.float().chunk(2, dim=1)
        return self.envelope(mel) * torch.complex(real, imaginary)


@runtime_checkable
class FrameGains(Protocol):
    """The input of a filter's stack, and the gains that are made of its output."""

    def seen(self, mel: Mel, f0: F0, /) -> Float[Tensor, "batch inputs frames"]:
        """The input of the stack."""
        ...

    def gains(self, mel: Mel, said: Float[Tensor, "batch outputs frames"], /) -> Complex[Tensor, "batch bins frames"]:
        """The gains of what it says."""
        ...


class BlockwiseFilter:
    """The gains of a filter network, for one mel that comes in pieces; they lag by the stack's `frame_radius`."""

    def __init__(self, network: FrameGains, stack: BlockwiseStack) -> None:
        self.network, self.stack = network, stack
        self.waiting: Mel | None = None

    @torch.no_grad()
    def feed(self, mel: Mel, f0: F0, *, last: bool) -> Complex[Tensor, "1 bins ready"]:
        """Take the next frames [1, n_mels, frames] and their f0; return the gains of the frames that are ready."""
        said = self.stack.feed(self.network.seen(mel, f0)[0].mT, last=last).mT.unsqueeze(0)
        waiting = mel if self.waiting is None else torch.cat([self.waiting, mel], dim=-1)
        ready, self.waiting = waiting[..., : said.shape[-1]], waiting[..., said.shape[-1] :]
        return self.network.gains(ready, said)


class SpreadNetwork(nn.Module):
    """The standard deviation of recordings around the filtered pulses, on the finer grid of `fine_spec`.

    The mel's envelope times what a small stack has learnt of it from the mel: little where the filter may be trusted,
    sqrt(1 - coherence), and little before an onset, which lies somewhere within the mel's window.
    """

    def __init__(self, *, mel: MelSpec, channels: int = 96, layers: int = 3, dilation_cycle: int = 1) -> None:
        super().__init__()
        self.envelope = FineEnvelope(mel)
        self.bins = len(self.envelope.spread)
        self.stack = GatedStack(
            inputs=mel.n_mels,
            outputs=self.envelope.parts * self.bins,
            channels=channels,
            layers=layers,
            dilation_cycle=dilation_cycle,
        )
        self.frame_radius = max(self.stack.frame_radius, self.envelope.frame_radius)

    def forward(self, mel: Mel) -> Float[Tensor, "batch bins fine_frames"]:
        """Root mean square magnitudes of what the filtered pulses lack, in units of the fine STFT."""
        said = self.stack(self.envelope.coarse.level(mel)).float().unflatten(1, (self.bins, -1))
        relative = LEAST + nn.functional.softplus(said.mT.flatten(2))
        return self.envelope(mel) * relative
