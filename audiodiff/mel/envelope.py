"""The smooth spectral envelope that a mel holds, on the STFT's bins."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.mel.below_floor import LikelyBands
from audiodiff.mel.filterbank import mel_filterbank
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel

_QUIETEST = 1e-5


class MelEnvelope(nn.Module):
    """Undo a mel's logarithm and spread each band's mean magnitude over the bins that it covers.

    Above the highest band the mean of the last three bands is carried on at half its level, so that noise
    shaped by the envelope, and networks whitened by it, reach half the sample rate.
    """

    area: Tensor
    spread: Tensor

    def __init__(self, mel: MelSpec) -> None:
        super().__init__()
        self.spec = mel
        self.likely = LikelyBands(mel)
        filters = mel_filterbank(mel)
        self.register_buffer("area", filters.sum(dim=1).clamp_min(1e-8).unsqueeze(1), persistent=False)
        self.register_buffer("spread", band_spread(filters), persistent=False)

    def forward(self, mel: Mel) -> Float[Tensor, "batch bins frames"]:
        """Magnitudes of the envelope, in units of an STFT with a plain Hann window."""
        return self.spread @ self.bands(mel)

    def bands(self, mel: Mel) -> Mel:
        """Mean STFT magnitude of every band, at least `_QUIETEST`."""
        linear = self.likely(mel.to(torch.promote_types(mel.dtype, torch.float32))).exp()
        magnitude = (linear / self.area).pow(1 / self.spec.power)
        if self.spec.stft_norm == "window":
            magnitude = magnitude * torch.hann_window(self.spec.win_length).square().sum().sqrt()
        return magnitude.clamp_min(_QUIETEST)

    def level(self, mel: Mel) -> Mel:
        """The logarithm of `bands`, in the same units for every convention, brought to about -3 … 3."""
        return (self.bands(mel).log() + 2) / 3


class BandLevels(nn.Module):
    """The view that networks of one convention have of its mels: the level of every band."""

    def __init__(self, mel: MelSpec) -> None:
        super().__init__()
        self.envelope = MelEnvelope(mel)
        self.planes = mel.n_mels

    def forward(self, mel: Mel) -> Mel:
        """`MelEnvelope.level`."""
        return self.envelope.level(mel)


def band_spread(filters: Float[Tensor, "n_mels bins"]) -> Float[Tensor, "bins n_mels"]:
    """For every bin the weights of the bands it lies in; bins outside all bands borrow from the nearest ones."""
    peaks = filters / filters.amax(dim=1, keepdim=True).clamp_min(1e-8)
    covered = peaks.sum(dim=0)
    spread = (peaks / covered.clamp_min(1e-8)).mT.contiguous()
    first, last = (covered > 0).nonzero().squeeze(1)[[0, -1]].tolist()
    spread[:first] = spread[first]
    spread[last + 1 :, -3:] = 0.5 / 3
    return spread
