"""Between band values and the numbers that a mel stores: the logarithm, its floor, and what is done to it."""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel

RESOLVED = 1e-4
"""Nepers above an added floor from which on a stored value says how large its band is."""


class MelCompression(nn.Module):
    """The last steps of a front-end, from band values F |X|^power to the stored mel, and the way back."""

    shift: Tensor
    scale: Tensor

    def __init__(self, spec: MelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("shift", per_band(spec.shift), persistent=False)
        self.register_buffer("scale", per_band(spec.scale), persistent=False)

    @property
    def neper(self) -> float:
        """One unit of natural logarithm of a band value, before `shift` and `scale`."""
        return self.spec.gain if self.spec.log_base == "e" else self.spec.gain / math.log(10)

    @property
    def lowest(self) -> float:
        """Natural logarithm of the lowest band value that is told from silence."""
        return math.log(self.spec.floor) if self.spec.floor else -math.inf

    def forward(self, bands: Mel) -> Mel:
        """The stored mel; its gradient is finite also where a band is silent."""
        return self.ended(self.of_frames(bands))

    def of_frames(self, bands: Mel) -> Mel:
        """The stored values of any frames, the last of a recording treated like the others."""
        if self.spec.floor_mode == "add":
            return self.noted((bands + self.spec.floor).log())
        silent = bands <= self.spec.floor
        return self.noted(bands.masked_fill(silent, 1.0).log().masked_fill(silent, self.lowest))

    def store(self, log_bands: Mel) -> Mel:
        """The stored mel of the natural logarithms of band values; minus infinity is silence."""
        return self.ended(self.values(log_bands))

    def values(self, log_bands: Mel) -> Mel:
        """The stored values for natural logarithms of band values, in any frame."""
        if self.spec.floor_mode == "add":
            return self.noted(torch.logaddexp(log_bands, torch.full_like(log_bands, self.lowest)))
        return self.noted(log_bands.clamp(min=self.lowest))

    def noted(self, log_bands: Mel) -> Mel:
        """The stored values for natural logarithms that keep to the floor already."""
        spec = self.spec
        if spec.silence is not None:
            log_bands = log_bands.where(~log_bands.isneginf(), spec.silence / self.neper)
        mel = (log_bands * self.neper - self.shift) / self.scale
        if spec.range is not None:
            mel = mel.clamp(*spec.range)
        return mel

    def ended(self, mel: Mel) -> Mel:
        """A recording's mel, with what the convention does to the last frame."""
        last = self.spec.last_frame
        if last == "keep":
            return mel
        if last == "drop":
            return mel[..., :-1]
        return torch.cat([mel[..., :-1], torch.full_like(mel[..., -1:], float(last))], dim=-1)

    def log_bands(self, mel: Mel) -> Mel:
        """Natural logarithms of the band values of a stored mel: the inverse of `store` between floor and ceiling."""
        log_bands = (mel * self.scale + self.shift) / self.neper
        if self.spec.silence is not None:
            log_bands = log_bands.masked_fill(mel == self.spec.silence, -math.inf)
        if self.spec.floor_mode == "add":
            return (log_bands - self.lowest).clamp_min(RESOLVED).expm1().log() + self.lowest
        return log_bands


def read_back(spec: MelSpec, log_bands: Float[Tensor, "n_mels frames"]) -> Float[Tensor, "n_mels frames"]:
    """Natural logarithms that band values are read as once they are stored; those of silence are minus infinity."""
    compression = MelCompression(replace(spec, last_frame="keep"))
    return compression.log_bands(compression.store(log_bands.unsqueeze(0)))[0]


def per_band(value: float | tuple[float, ...]) -> Tensor:
    """A number or one number per band, shaped to broadcast over [batch, n_mels, frames]."""
    return torch.tensor(value, dtype=torch.float32, device="cpu").reshape(-1, 1)
