"""Relations between mel conventions, and conversion from one to another."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum

import torch
from jaxtyping import Float
from torch import Tensor, nn

from audiodiff.errors import MelMismatchError
from audiodiff.mel.compression import MelCompression
from audiodiff.mel.filterbank import band_edges, mel_filterbank
from audiodiff.mel.front_end import analysis_window
from audiodiff.mel.nnls import ROLL_OFF, MelToLinear
from audiodiff.mel.spec import FINE_PRINT, FLOORS, MelSpec
from audiodiff.types import Magnitudes, Mel, Samples

STORAGE = FLOORS | {"mel_norm", "stft_norm", "log_base", "gain", "shift", "scale", "range"}
"""Fields that only say how a band value is written down: a formula leads from one to the other."""

RAYLEIGH = math.sqrt(math.pi) / 2
"""Mean over root mean square of a noise's magnitudes: what a smooth spectrum lacks when energies become magnitudes."""

FRAMES_PER_PASS = 4096
"""Frames that are converted at a time."""


class Compatibility(StrEnum):
    """Degrees of compatibility of two conventions."""

    SAME = "same"
    EXACT = "exact"
    NEAR = "near"
    APPROXIMATE = "approximate"
    MISMATCHED = "mismatched"


@dataclass(frozen=True)
class Relation:
    """Relation of one convention to another, with every field in which they differ as (have, want)."""

    compatibility: Compatibility
    differences: Mapping[str, tuple[object, object]]

    @property
    def is_family(self) -> bool:
        """True if both store the same values for the same sound, but for floors, edges and half a hop."""
        return set(self.differences) <= FINE_PRINT | FLOORS

    def __str__(self) -> str:
        return ", ".join(f"{name} {_short(a)} -> {_short(b)}" for name, (a, b) in self.differences.items())


def _short(value: object) -> str:
    """A value for a message; one number per band is only counted."""
    return f"{len(value)} values" if isinstance(value, tuple) and len(value) > 2 else str(value)


def compare(have: MelSpec, want: MelSpec) -> Relation:
    """Compare two conventions: can a mel in `have` serve where `want` is expected?

    EXACT: a formula converts every value between the floors and ceilings of both. NEAR: the same, but frames can lie
    half a hop apart, and edges and the quietest values can differ a little. APPROXIMATE: frames lie at the same times
    (up to half a hop), but bands have to be estimated. MISMATCHED: frames lie at other times.
    """
    differences = {
        field.name: (getattr(have, field.name), getattr(want, field.name))
        for field in fields(MelSpec)
        if getattr(have, field.name) != getattr(want, field.name)
    }
    if not differences:
        return Relation(Compatibility.SAME, differences)
    if not math.isclose(have.frame_rate, want.frame_rate):
        return Relation(Compatibility.MISMATCHED, differences)
    if set(differences) <= STORAGE:
        return Relation(Compatibility.EXACT, differences)
    near = set(differences) <= STORAGE | FINE_PRINT
    return Relation(Compatibility.NEAR if near else Compatibility.APPROXIMATE, differences)


class MelConverter(nn.Module):
    """Rewrites mels of one convention in another; raises `MelMismatchError` where frames lie at other times.

    Where the bands are the same ones (`Compatibility.EXACT` and `NEAR`) this is a formula. Else linear magnitudes are
    estimated with `MelToLinear` and summed again. A difference in framing keeps the frames: the sound comes `delay`
    samples late.
    """

    filters: Tensor

    def __init__(self, have: MelSpec, want: MelSpec) -> None:
        super().__init__()
        self.relation = compare(have, want)
        if self.relation.compatibility is Compatibility.MISMATCHED:
            raise MelMismatchError(
                f"a mel with {have.frame_rate:.2f} frames per second cannot become one with {want.frame_rate:.2f} "
                f"({self.relation}): extract it again from the audio"
            )
        both_drop = have.last_frame == want.last_frame == "drop"
        self.have, self.want = have, replace(want, last_frame="keep") if both_drop else want
        self.read, self.write = MelCompression(have).double(), MelCompression(self.want).double()
        self.estimates = self.relation.compatibility is Compatibility.APPROXIMATE
        self.inversion = MelToLinear(have)
        self.register_buffer("filters", mel_filterbank(want), persistent=False)

    @property
    def delay(self) -> Samples:
        """Delay of the converted mel's sound against the recording, in samples; negative is earlier."""
        if self.have.framing == self.want.framing:
            return 0
        return self.want.hop_length // 2 if self.want.framing == "same" else -(self.want.hop_length // 2)

    @torch.no_grad()
    def forward(self, mel: Mel) -> Mel:
        """The same frames in the convention wanted."""
        last = self.have.last_frame
        if not isinstance(last, str) and mel.shape[-1] > 1:
            silent = (mel[..., -1:] == last).all(dim=-2, keepdim=True)
            mel = torch.cat([mel[..., :-1], mel[..., -2:-1].where(silent, mel[..., -1:])], dim=-1)
        blocks = [self._log_bands(block) for block in mel.split(FRAMES_PER_PASS, dim=-1)]
        return self.write.store(torch.cat(blocks, dim=-1)).float()

    def _log_bands(self, mel: Mel) -> Mel:
        if not self.estimates:
            return self.read.log_bands(mel.double()) + (notation(self.want) - notation(self.have)).to(mel.device)
        magnitudes = self._on_wanted_bins(self.inversion(mel)) * analysis_window(self.want).sum()
        magnitudes = magnitudes * RAYLEIGH ** (self.have.power - self.want.power)
        return (self.filters @ magnitudes.pow(self.want.power)).double().log()

    def _on_wanted_bins(self, magnitudes: Magnitudes) -> Magnitudes:
        """Interpolate between the bins of one STFT to find those of the other."""
        have_step, want_step = (spec.sample_rate / spec.n_fft for spec in (self.have, self.want))
        place = torch.arange(self.want.n_fft // 2 + 1, device=magnitudes.device).double() * want_step / have_step
        left = place.floor().long().clamp(max=magnitudes.shape[-2] - 1)
        right = (left + 1).clamp(max=magnitudes.shape[-2] - 1)
        weight = (place - left).clamp(0, 1).float().unsqueeze(1)
        beyond = (place > magnitudes.shape[-2] - 1).unsqueeze(1)
        found = magnitudes[..., left, :] * (1 - weight) + magnitudes[..., right, :] * weight
        return torch.where(beyond, ROLL_OFF * found, found)


def convert_mel(mel: Mel, have: MelSpec, want: MelSpec) -> Mel:
    """Rewrite mels of the convention `have` in the convention `want`; see `MelConverter`."""
    return MelConverter(have, want)(mel)


def notation(spec: MelSpec) -> Float[Tensor, "n_mels 1"]:
    """Natural logarithm of what the STFT's and the filters' norms make of every band value."""
    log_factor = torch.zeros(spec.n_mels, dtype=torch.float64)
    if spec.stft_norm == "window":
        energy = torch.hann_window(spec.win_length, periodic=spec.periodic, dtype=torch.float64).square().sum()
        log_factor -= spec.power / 2 * energy.log()
    if spec.mel_norm == "slaney":
        edges = torch.from_numpy(band_edges(spec))
        log_factor += (2 / (edges[2:] - edges[:-2])).log()
    return log_factor.unsqueeze(1)
