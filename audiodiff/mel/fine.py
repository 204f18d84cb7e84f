"""A finer time grid than the mel's: a short STFT whose frames divide the mel's, and the mel's envelope on it."""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.audio.framing import frame_centre
from audiodiff.audio.stft import Stft
from audiodiff.mel.envelope import MelEnvelope, band_spread
from audiodiff.mel.filterbank import mel_filterbank
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel, Samples

FINE_HOP = 0.006
"""Seconds between frames, about; windows are four hops long."""


def fine_spec(mel: MelSpec) -> MelSpec:
    """The convention with windows of about 24 ms whose hop divides the mel's."""
    least = 2 if mel.framing == "same" else 1  # there half a hop must be a whole number of samples
    divisors = [parts for parts in range(1, mel.hop_length + 1) if mel.hop_length % (least * parts) == 0]
    wanted = mel.hop_length / mel.sample_rate / FINE_HOP
    parts = min(divisors, key=lambda parts: abs(math.log(parts / wanted)))
    hop = mel.hop_length // parts
    return replace(mel, n_fft=4 * hop, win_length=4 * hop, hop_length=hop)


class FineEnvelope(nn.Module):
    """The mel's envelope at the frames of a `fine_spec`, interpolated between the mel's on a logarithmic scale."""

    spread: Tensor

    def __init__(self, mel: MelSpec) -> None:
        super().__init__()
        fine = fine_spec(mel)
        self.parts = mel.hop_length // fine.hop_length
        self.coarse = MelEnvelope(mel)
        ratio = _window_energy(fine) / _window_energy(mel)
        self.register_buffer("spread", band_spread(mel_filterbank(fine)) * ratio**0.5, persistent=False)
        self.offsets = [_centre(fine) + part * fine.hop_length - _centre(mel) for part in range(self.parts)]
        self.hop_length = mel.hop_length
        self.inside = min(_centre(mel), mel.hop_length - 1 - _centre(mel))

    frame_radius = 1
    """Mel frames to either side of its own that a fine frame depends on."""

    @property
    def radius(self) -> Samples:
        """Largest distance between the samples of a mel's frame and the middle of a fine frame that depends on it."""
        return max((self.hop_length - abs(offset) for offset in self.offsets if offset), default=0) - self.inside

    def forward(self, mel: Mel) -> Float[Tensor, "batch bins parts*frames"]:
        """Magnitudes of the envelope, in units of the fine STFT."""
        bands = self.interpolated(self.coarse.bands(mel).log()).exp()
        return self.spread @ bands

    def interpolated(self, x: Float[Tensor, "batch values frames"]) -> Float[Tensor, "batch values parts*frames"]:
        """Values of mel frames, linearly interpolated at the fine frames and held at both ends."""
        held = F.pad(x, (1, 1), mode="replicate")
        before, after = held[..., :-2], held[..., 2:]
        places = []
        for offset in self.offsets:
            weight = abs(offset) / self.hop_length
            places.append(torch.lerp(x, after if offset > 0 else before, weight))
        return torch.stack(places, dim=-1).flatten(-2)


def _centre(spec: MelSpec) -> Samples:
    """Samples from the beginning of a hop to the middle of its frame."""
    return frame_centre(spec.n_fft, spec.hop_length, spec.framing)


def _window_energy(spec: MelSpec) -> float:
    return torch.hann_window(spec.win_length).square().sum().item()


def fine_stft(mel: MelSpec) -> Stft:
    """The STFT of a `fine_spec`."""
    return Stft(fine_spec(mel))
