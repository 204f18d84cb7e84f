"""What a network is told besides the noisy waveform and the time."""

from dataclasses import dataclass, fields

import torch

from audiodiff.types import Mel, Wave


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditioning:
    """Everything that a network may be conditioned on; a field that is None is absent.

    `mel` is the spectrogram to be vocoded; `mean` is a prior's waveform mean, for networks that look at it.
    """

    mel: Mel | None = None
    mean: Wave | None = None

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "Conditioning":
        """Return a copy with every tensor on `device` and in `dtype`; None leaves that property alone."""
        present = {field.name: getattr(self, field.name) for field in fields(self)}
        moved = {name: x.to(device=device, dtype=dtype) for name, x in present.items() if x is not None}
        return Conditioning(**moved)

    def unconditional(self) -> "Conditioning":
        """Return the empty condition, the other half of classifier-free guidance (Ho & Salimans 2022)."""
        return Conditioning()
