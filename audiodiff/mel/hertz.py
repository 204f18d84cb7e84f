"""A mel through its physics: levels on one frequency axis in hertz, whatever the bands, the rate and the hop."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.mel.filterbank import mel_filterbank
from audiodiff.mel.fine import FineEnvelope, fine_spec
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel

HIGHEST: float = 24000.0
BEND: float = 700.0
"""The frequency at which the axis turns from even to logarithmic."""
POINTS = 160
"""Of the axis, from 0 to `HIGHEST`; 15 Hz apart at its beginning, 105 Hz at 4 kHz."""
WINDOW_WIDTH = 1.44
"""Width of a Hann window's main lobe at half its power, in bins."""
USUAL_RATE: float = 22050.0

LogBands = Float[Tensor, "batch n_mels fine_frames"]
"""Natural logarithms of the bands' mean magnitudes, at the frames of a `fine_spec`."""
FineF0 = Float[Tensor, "batch fine_frames"]
"""f0 in hertz at those frames, 0 where unvoiced."""


def axis() -> Float[Tensor, " points"]:
    """The frequencies of the axis, in hertz."""
    place = torch.linspace(0, 1, POINTS, dtype=torch.float64)
    return BEND * torch.expm1(place * math.log1p(HIGHEST / BEND))


def interpolation(known: Float[Tensor, " values"], wanted: Float[Tensor, " points"]) -> Float[Tensor, "points values"]:
    """The matrix that interpolates linearly between rising places, and holds the first and the last value."""
    known, wanted = known.double(), wanted.double().clamp(known[0], known[-1])
    right = torch.searchsorted(known, wanted).clamp(1, len(known) - 1)
    weight = (wanted - known[right - 1]) / (known[right] - known[right - 1]).clamp_min(1e-9)
    rows = torch.arange(len(wanted))
    matrix = torch.zeros(len(wanted), len(known), dtype=torch.float64)
    matrix[rows, right - 1] += 1 - weight
    matrix[rows, right] += weight
    return matrix.float()


def product(matrix: Tensor, values: Tensor) -> Tensor:
    """The matrix product in the precision of the values, under autocast as well: what is interpolated stays exact."""
    with torch.autocast(values.device.type, enabled=False):
        return matrix.to(values) @ values


def band_places(mel: MelSpec) -> tuple[Float[Tensor, " n_mels"], Float[Tensor, " n_mels"]]:
    """Centre and width of every band in hertz: twelve times the variance of its weights, and the window's own width."""
    filters = mel_filterbank(mel).double()
    hertz = torch.arange(filters.shape[1], dtype=torch.float64) * mel.sample_rate / mel.n_fft
    area = filters.sum(dim=1).clamp_min(1e-8)
    centres = (filters @ hertz) / area
    variance = ((filters @ hertz.square()) / area - centres.square()).clamp_min(0)
    return centres, (12 * variance + (WINDOW_WIDTH * mel.sample_rate / mel.win_length) ** 2).sqrt()


class FineBands(nn.Module):
    """A mel's bands at the frames of its `fine_spec`, in units that do not depend on window and rate.

    Magnitudes are those of white noise's density: a recording has the same level through every convention.
    """

    shape: Tensor

    def __init__(self, mel: MelSpec) -> None:
        super().__init__()
        fine = fine_spec(mel)
        self.fine = FineEnvelope(mel)
        self.parts = self.fine.parts
        self.unit, self.fine_unit = _unit(mel), _unit(fine)
        centres, _ = band_places(mel)
        order = _rising(centres)
        hertz = torch.arange(fine.n_fft // 2 + 1, dtype=torch.float64) * fine.sample_rate / fine.n_fft
        shape = torch.zeros(len(hertz), mel.n_mels)
        shape[:, order] = interpolation(centres[order], hertz)
        shape[hertz > mel.f_top] = 0
        shape[hertz > mel.f_top, -3:] = 0.5 / 3
        self.register_buffer("shape", shape, persistent=False)

    def forward(self, mel: Mel) -> LogBands:
        """Interpolate between the mel's frames on the logarithmic scale."""
        return self.fine.interpolated(self.coarse(mel))

    def coarse(self, mel: Mel) -> Mel:
        """The same at the mel's own frames."""
        return self.fine.coarse.bands(mel).log() - self.unit

    def envelope(self, bands: LogBands) -> Float[Tensor, "batch bins fine_frames"]:
        """Magnitudes on the fine STFT's bins, in units of that STFT."""
        return product(self.shape, (bands + self.fine_unit).exp())


class HertzView(nn.Module):
    """The view that networks have of `FineBands`: the level at every point of the axis, and what is known about it.

    Beside each level stand the width of the band it comes from (nothing finer is resolved) and whether any band covers
    it; the length of hop and window follow. No number belongs to a band or a bin.
    """

    weights: Tensor
    facts: Tensor
    covered: Tensor
    planes = 3 * POINTS + 2

    def __init__(self, mel: MelSpec) -> None:
        super().__init__()
        centres, widths = band_places(mel)
        order = _rising(centres)
        weights = torch.zeros(POINTS, len(centres))
        weights[:, order] = interpolation(centres[order], axis())
        covered = ((axis() >= mel.f_min) & (axis() <= mel.f_top)).float()
        width = (weights.double() @ widths).log() - math.log(100.0)
        times = torch.tensor([mel.hop_length, mel.win_length], dtype=torch.float64) / mel.sample_rate
        facts = torch.cat([width / 2 * covered, covered, (times / 0.02).log()])
        self.register_buffer("weights", weights * covered.unsqueeze(1), persistent=False)
        self.register_buffer("covered", covered.unsqueeze(1), persistent=False)
        self.register_buffer("facts", facts.float().unsqueeze(1), persistent=False)

    def forward(self, bands: LogBands) -> Float[Tensor, "batch planes fine_frames"]:
        """The levels, brought to about -2 … 2, and the facts."""
        levels = (product(self.weights, bands) + 5 * self.covered.to(bands)) / 3
        return torch.cat([levels, self.facts.to(bands).expand(bands.shape[0], -1, bands.shape[-1])], dim=1)


def _rising(centres: Float[Tensor, " n_mels"]) -> Tensor:
    """Indices of bands whose centres rise: of bands that are narrower than a bin only the first at each place."""
    kept, places = [0], centres.tolist()
    for index, place in enumerate(places):
        if place > places[kept[-1]] + 1e-3:
            kept.append(index)
    return torch.tensor(kept)


def _unit(spec: MelSpec) -> float:
    """Natural logarithm of the STFT magnitude of noise of unit density."""
    window = torch.hann_window(spec.win_length).square().sum().item()
    return 0.5 * math.log(window * spec.sample_rate / USUAL_RATE)
