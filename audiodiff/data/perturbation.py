"""Mels as an acoustic model predicts them: noisy, or smoothed over frames or over bands."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from audiodiff.errors import ConfigError

NaturalLogMel = Float[Tensor, "*batch n_mels frames"]
"""Natural logarithms of band values, all finite."""


def add_noise(log_mel: NaturalLogMel, std: float, generator: torch.Generator | None = None) -> NaturalLogMel:
    """Add Gaussian noise of standard deviation `std`, in nats, to every value by itself."""
    noise = torch.randn(log_mel.shape, generator=generator, device=log_mel.device, dtype=log_mel.dtype)
    return log_mel + std * noise


def blur_frames(log_mel: NaturalLogMel, reach: int) -> NaturalLogMel:
    """Average every value with those of `reach` frames before and after it; the first and last frames repeat."""
    first, last = (end.expand(*log_mel.shape[:-1], reach) for end in (log_mel[..., :1], log_mel[..., -1:]))
    return torch.cat([first, log_mel, last], dim=-1).unfold(-1, 2 * reach + 1, 1).mean(dim=-1)


def blur_bands(log_mel: NaturalLogMel, reach: int) -> NaturalLogMel:
    """Average every value with those of `reach` bands below and above it; the lowest and highest bands repeat."""
    return blur_frames(log_mel.transpose(-1, -2), reach).transpose(-1, -2)


PERTURBATION_UNITS: Mapping[str, str] = {"noise": "nat", "blur-frames": "frame", "blur-bands": "band"}
"""The kinds of perturbation with the units of their amounts."""
_BLURS: Mapping[str, Callable[[NaturalLogMel, int], NaturalLogMel]] = {
    "blur-frames": blur_frames,
    "blur-bands": blur_bands,
}
_NUMBER = re.compile(r"\d+\.?\d*|\.\d+")


@dataclass(frozen=True)
class Perturbation:
    """One kind of perturbation and how much of it: nats of noise, or frames or bands to either side."""

    kind: str
    amount: float

    def __post_init__(self) -> None:
        if self.kind not in PERTURBATION_UNITS:
            raise ConfigError(f"no perturbation {self.kind!r}: there are {', '.join(PERTURBATION_UNITS)}")
        if self.amount <= 0 or (self.kind in _BLURS and self.amount != int(self.amount)):
            expected = "a whole number above 0" if self.kind in _BLURS else "a number above 0"
            raise ConfigError(f"{self.kind}={self.amount:g}: expected {expected}")

    def __str__(self) -> str:
        return f"{self.kind}={self.amount:g}"

    def __call__(self, log_mel: NaturalLogMel, generator: torch.Generator | None = None) -> NaturalLogMel:
        """Perturb natural-log mels."""
        if self.kind in _BLURS:
            return _BLURS[self.kind](log_mel, int(self.amount))
        return add_noise(log_mel, self.amount, generator)


def parse_perturbations(text: str) -> list[Perturbation]:
    """Read a list such as `noise=.2,blur-frames=1`; raises `ConfigError` for anything else."""
    pairs = [item.strip().partition("=") for item in text.split(",")]
    for kind, _, amount in pairs:
        if not _NUMBER.fullmatch(amount):
            raise ConfigError(f"{kind}={amount} is no perturbation: expected one such as noise=.2")
    return [Perturbation(kind, float(amount)) for kind, _, amount in pairs]
