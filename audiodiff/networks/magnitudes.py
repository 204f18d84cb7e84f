"""The linear-frequency magnitudes that belong to a mel, learnt from speech."""

import torch
from torch import nn

from audiodiff.mel.envelope import MelEnvelope
from audiodiff.mel.spec import MelSpec
from audiodiff.networks.blockwise import BlockwiseStack
from audiodiff.networks.gated import GatedStack
from audiodiff.networks.packed_stack import Packing, Rows
from audiodiff.types import Magnitudes, Mel


class MagnitudeNetwork(nn.Module):
    """Estimate STFT magnitudes as the mel's smooth envelope times a learnt correction, exp(stack(mel)).

    A mel of 80 bands cannot resolve the harmonics of a voice above about 1.5 kHz; what a least-squares
    inverse leaves blurred there, the stack fills in from neighbouring frames and bands.
    """

    def __init__(self, *, mel: MelSpec, channels: int = 288, layers: int = 10, dilation_cycle: int = 4) -> None:
        super().__init__()
        self.envelope = MelEnvelope(mel)
        self.stack = GatedStack(
            inputs=mel.n_mels,
            outputs=mel.n_fft // 2 + 1,
            channels=channels,
            layers=layers,
            dilation_cycle=dilation_cycle,
        )
        self.packing = Packing()
        self.frame_radius = self.stack.frame_radius

    def forward(self, mel: Mel) -> Magnitudes:
        """Return magnitudes at the mel's own n_fft, hop and framing."""
        correction = self.stack(self.envelope.level(mel)).float()
        return self.envelope(mel) * correction.exp()

    def blockwise(self) -> "BlockwiseMagnitudes":
        """The same for a mel that comes block by block."""
        return BlockwiseMagnitudes(self)


class BlockwiseMagnitudes:
    """A `MagnitudeNetwork` that is fed block by block; see `BlockwiseStack`."""

    def __init__(self, network: MagnitudeNetwork) -> None:
        self.envelope = network.envelope
        self.stack = BlockwiseStack(network.packing.of(network.stack))
        self.waiting = network.envelope.spread.new_empty(0, len(network.envelope.spread))

    def feed(self, mel: Mel, *, last: bool) -> Rows:
        """Take the next frames of one mel, return the magnitudes [frames, bins] of those that are ready."""
        correction = self.stack.feed(self.envelope.level(mel)[0].mT, last=last).float()
        envelopes = torch.cat([self.waiting, self.envelope(mel)[0].mT])
        self.waiting = envelopes[len(correction) :]
        return envelopes[: len(correction)] * correction.exp()
