"""From a mel back to the linear magnitudes that it was summed from."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.mel.compression import MelCompression
from audiodiff.mel.filterbank import mel_filterbank
from audiodiff.mel.front_end import analysis_window
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Magnitudes, Mel

_UPDATES = 20
LEAST_MAGNITUDE = 1e-20
ROLL_OFF = 0.5
"""The level, relative to the highest bins that a mel covers, at which the bins above them are carried on."""


class MelToLinear(nn.Module):
    """Non-negative linear magnitudes |X| whose mel is the given one, as nearly as there are any.

    Multiplicative updates of non-negative least squares (Lee & Seung 2001) from the smooth envelope, whose fine
    structure they keep. Bins outside the filterbank, of which the mel says nothing, carry on its edges.
    """

    filters: Tensor
    covered: Tensor
    amplitude: Tensor

    def __init__(self, spec: MelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.compression = MelCompression(spec)
        filters = mel_filterbank(spec)
        self.register_buffer("filters", filters, persistent=False)
        covered = filters.sum(dim=0).nonzero().squeeze(1)
        self.register_buffer("covered", covered, persistent=False)
        self.below, self.above = int(covered[0]), filters.shape[1] - 1 - int(covered[-1])
        self.register_buffer("amplitude", analysis_window(spec).sum(), persistent=False)

    def forward(self, mel: Mel) -> Magnitudes:
        """Magnitudes of an STFT whose window sums to 1: a full-scale sine peaks at 1/2."""
        bands = self.compression.log_bands(mel).exp()
        energies = solve_nonnegative(self.filters[:, self.covered], bands, _UPDATES)
        return self._on_all_bins(energies.pow(1 / self.spec.power)) / self.amplitude

    def _on_all_bins(self, covered: Magnitudes) -> Magnitudes:
        """The magnitudes of the covered bins with their neighbours carried on to both ends."""
        below = covered[..., :1, :].expand(-1, self.below, -1)
        above = ROLL_OFF * covered[..., -4:, :].mean(dim=-2, keepdim=True).expand(-1, self.above, -1)
        return torch.cat([below, covered, above], dim=-2)


def solve_nonnegative(
    matrix: Float[Tensor, "rows columns"], target: Float[Tensor, "batch rows frames"], iterations: int
) -> Float[Tensor, "batch columns frames"]:
    """Lower |matrix · x - target| over x >= 0 by multiplicative updates, starting from the mean of each row."""
    weights = matrix / matrix.sum(dim=0).clamp_min(LEAST_MAGNITUDE)
    x = weights.mT @ (target / matrix.sum(dim=1, keepdim=True).clamp_min(LEAST_MAGNITUDE))
    wanted = matrix.mT @ target
    for _ in range(iterations):
        x = x * wanted / (matrix.mT @ (matrix @ x)).clamp_min(LEAST_MAGNITUDE)
    return x
