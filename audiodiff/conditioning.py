"""The condition of a network besides the noisy waveform and the time."""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from audiodiff.errors import ConfigError
from audiodiff.types import Mel, Wave

NOTHING = -1
"""The label, or the speaker, of an item for which none is given."""

Label = Int[Tensor, " batch"]
Embedding = Float[Tensor, "batch features"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditioning:
    """Everything that a network may be conditioned on; a field that is None is absent.

    `mel` is the spectrogram to be vocoded; `mean` is a prior's waveform mean, and
    `scale` the magnitudes of its noise, for networks that look at them.
    `label`, `speaker` and `embedding` hold for a whole clip. For one item of a batch they are absent where the
    label or speaker is `NOTHING`, and where the embedding is all zeros.
    """

    mel: Mel | None = None
    mean: Wave | None = None
    scale: Float[Tensor, "batch bins fine_frames"] | None = None
    label: Label | None = None
    speaker: Label | None = None
    embedding: Embedding | None = None

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "Conditioning":
        """Return a copy on `device`, what is not a label in `dtype`; None leaves that property alone."""
        present = {field.name: getattr(self, field.name) for field in fields(self)}
        moved = {
            name: x.to(device=device, dtype=dtype if x.is_floating_point() else None)
            for name, x in present.items()
            if x is not None
        }
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

    def need_scale(self) -> Float[Tensor, "batch bins fine_frames"]:
        """Return the magnitudes of the prior's noise; raise ConfigError if there are none."""
        if self.scale is None:
            raise ConfigError("a prior's scale is needed, but the condition holds none: use prior.condition(mel)")
        return self.scale

    def anonymous(self) -> "Conditioning":
        """Return the condition without label, speaker and embedding: guidance by these keeps the mel."""
        return replace(self, label=None, speaker=None, embedding=None)

    def dropped(self, p: float) -> "Conditioning":
        """Forget, for classifier-free guidance, what holds for a whole clip (Ho & Salimans 2022, algorithm 1).

        With the chance p an item loses label, speaker and embedding together; besides, it loses each of them alone
        with the same chance, so that any of them may be left out when sampling.
        """
        given = {name: x for name in ("label", "speaker", "embedding") if (x := getattr(self, name)) is not None}
        if not given or p == 0:
            return self
        batch = len(next(iter(given.values())))
        everything = torch.rand(batch) < p
        kept = {name: ~(everything | (torch.rand(batch) < p)).to(x.device) for name, x in given.items()}
        return replace(self, **{name: _masked(x, kept[name]) for name, x in given.items()})


def _masked(x: Tensor, kept: Tensor) -> Tensor:
    return torch.where(kept, x, NOTHING) if x.ndim == 1 else x * kept.unsqueeze(-1)
