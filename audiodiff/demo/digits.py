"""Generated clips as one sound."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from audiodiff.types import Hertz, Seconds, Wave

PAUSE: Seconds = 0.2


def strung(waves: Wave, sample_rate: Hertz) -> Float[Tensor, " samples"]:
    """Clips [batch, samples] one after the other, a pause behind each."""
    return torch.cat(list(F.pad(waves, (0, round(PAUSE * sample_rate)))))
