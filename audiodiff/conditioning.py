"""What a network is told besides the noisy waveform and the time."""

from dataclasses import dataclass, fields

import torch

from audiodiff.errors import ConfigError
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

    def need_mel(self) -> Mel:
        """Return the mel; raise ConfigError if there is none."""
        if self.mel is None:
            raise ConfigError("the network needs a mel, but the condition holds none: pass Conditioning(mel=...)")
        return self.mel

    def need_mean(self) -> Wave:
        """Return the prior's mean; raise ConfigError if there is none."""
        if self.mean is None:
            raise ConfigError("a prior's mean is needed, but the condition holds none: use prior.condition(mel)")
        return self.mean

    def unconditional(self) -> "Conditioning":
        """Return the empty condition, the other half of classifier-free guidance (Ho & Salimans 2022)."""
        return Conditioning()
