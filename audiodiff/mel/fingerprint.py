"""The traces that a front-end leaves in a mel, whatever the sound.

Neighbouring bands share STFT bins, and how many depends on the filterbank, the FFT and the sample rate; so do the
small steps between bands that few bins fall into. Both leave a pattern along the bands that no recording hides.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Bands = Float[Tensor, "n_mels frames"]

_LONGEST = 2000
"""Frames that are looked at, from the middle."""

FEWEST = 8
"""Frames below which nothing can be said."""

_LEVELS = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
OUTLIER = 2.5
"""Changes beyond so many standard deviations, onsets mostly, are cut."""


def fingerprint(mel: Bands) -> Float[Tensor, " features"]:
    """Four patterns along the bands and the distribution of the values, for a mel of at least `FEWEST` frames."""
    start = max(0, (mel.shape[1] - _LONGEST) // 2)
    mel = mel[:, start : start + _LONGEST]
    heard = mel > mel.min() + 1e-3 * (mel.max() - mel.min())

    change, moving = mel.diff(dim=1), heard[:, 1:] & heard[:, :-1]
    limit = OUTLIER * mean_where(change.square(), moving).sqrt().unsqueeze(1)
    change = change.clamp(-limit, limit)
    liveliness = mean_where(change.square(), moving)
    unit = liveliness[moving.any(dim=1)].mean().sqrt().nan_to_num(1.0).clamp_min(1e-6)

    bend = mel[:-2] - 2 * mel[1:-1] + mel[2:]
    bent = heard[:-2] & heard[1:-1] & heard[2:]
    step = mean_where(bend, bent)
    roughness = mean_where((bend - step.unsqueeze(1)).square(), bent)

    patterns = [
        3 * correlation(change[:-1], change[1:], moving[:-1] & moving[1:]),
        (step / unit).clamp(-4, 4),
        (liveliness.clamp_min(1e-12).sqrt() / unit).log().clamp(-2, 2),
        (roughness.clamp_min(1e-12).sqrt() / unit).log().clamp(-2, 2),
    ]
    values = mel.flatten()[:: max(1, mel.numel() // 20_000)]
    spread = torch.cat([torch.quantile(values, values.new_tensor(_LEVELS)), mel.min()[None], mel.max()[None]])
    return torch.cat([*patterns, spread, unit.log()[None]])


def mean_where(values: Bands, where: Bool[Tensor, "n_mels frames"]) -> Float[Tensor, " n_mels"]:
    """Mean over the frames that count; 0 for a band without any."""
    return (values * where).sum(dim=1) / where.sum(dim=1).clamp_min(1)


def correlation(a: Bands, b: Bands, where: Bool[Tensor, "n_mels frames"]) -> Float[Tensor, " n_mels"]:
    """Correlation over the frames that count, of values whose mean is 0."""
    power = mean_where(a.square(), where) * mean_where(b.square(), where)
    return mean_where(a * b, where) / power.sqrt().clamp_min(1e-9)
