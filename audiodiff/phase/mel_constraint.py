"""The one thing that is known for certain about a recording whose mel is given."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.mel.below_floor import LikelyBands
from audiodiff.mel.filterbank import mel_filterbank
from audiodiff.mel.front_end import analysis_window
from audiodiff.mel.spec import MelSpec
from audiodiff.phase.banded import BandedProduct
from audiodiff.types import Magnitudes, Mel

LOUDEST_GAIN = 1e4
LEAST_FACTOR = 1e-20
"""Under which a factor is as good as none: the root of zero has no gradient, and a mel may be silent in a band."""


class MelConstraint(nn.Module):
    """Scale STFT magnitudes until their mel is the given one: |X| ← |X| · (Fᵀ(m / F|X|ᵖ) / Fᵀ1)^(1/p).

    F is the filterbank, m the mel's band values and p the power of the convention. One application nearly
    meets the constraint; what no band covers stays as it is.
    """

    filters: Tensor
    shares: Tensor
    uncovered: Tensor

    def __init__(self, mel: MelSpec) -> None:
        super().__init__()
        self.power = mel.power
        self.likely = LikelyBands(mel)
        filters = mel_filterbank(mel)
        weight = filters.sum(dim=0)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("shares", (filters / weight.clamp_min(1e-8)).mT.contiguous(), persistent=False)
        self.register_buffer("uncovered", (weight == 0).float(), persistent=False)
        self.to_bands, self.to_bins = BandedProduct(self.filters), BandedProduct(self.shares)
        window_gain = torch.hann_window(mel.win_length).sum() / analysis_window(mel).sum()
        self.unit = window_gain.item() ** self.power

    def bands(self, mel: Mel) -> Mel:
        """The band values F |X|ᵖ of a stored mel, where X is an STFT with a plain Hann window."""
        return self.likely(mel.float()).exp() * self.unit

    def forward(self, magnitudes: Magnitudes, bands: Mel) -> Magnitudes:
        """The scaled magnitudes; a band's gain is at most `LOUDEST_GAIN`."""
        return self.by_frames(magnitudes.mT, bands.mT).mT

    def by_frames(
        self, magnitudes: Float[Tensor, "*batch frames bins"], bands: Float[Tensor, "*batch frames n_mels"]
    ) -> Float[Tensor, "*batch frames bins"]:
        """The same with the frames first, which is faster where they lie so."""
        powers = magnitudes if self.power == 1 else magnitudes.pow(self.power)
        gain = bands / F.linear(powers, self.filters).add(bands, alpha=1 / LOUDEST_GAIN).clamp_min(LEAST_FACTOR)
        factor = F.linear(gain, self.shares) + self.uncovered
        return magnitudes * (factor if self.power == 1 else factor.clamp_min(LEAST_FACTOR).pow(1 / self.power))
