"""The filter and the spread of a source-filter voice for every mel convention: functions of hertz, read at the bins."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from audiodiff.mel.fine import fine_spec
from audiodiff.mel.hertz import FineBands, FineF0, HertzView, LogBands, axis, interpolation, product
from audiodiff.mel.spec import MelSpec
from audiodiff.networks.blockwise import BlockwiseStack
from audiodiff.networks.filter import LEAST, TYPICAL, BlockwiseFilter
from audiodiff.networks.gated import GatedStack
from audiodiff.networks.packed_stack import Packing

POINT_DISTANCE: float = 31.25
"""Between the frequencies that gains are said for; a filter that answers within 10 ms changes little between them."""
HIGHEST_GAIN: float = 8000.0
"""Above which closures are not known well enough for a phase."""


def fine_hertz(mel: MelSpec) -> Float[Tensor, " bins"]:
    """The frequencies of the fine STFT's bins."""
    fine = fine_spec(mel)
    return torch.arange(fine.n_fft // 2 + 1, dtype=torch.float64) * fine.sample_rate / fine.n_fft


class HertzFilter(nn.Module):
    """Complex gains H(bin, frame) = envelope · (a + ib) on a pulse train, from the log bands of any convention.

    They are on the fine STFT. a and b are said at frequencies `POINT_DISTANCE` apart up to `HIGHEST_GAIN`, and
    interpolated at the bins; above there is no gain.
    """

    at_bins: Tensor

    def __init__(self, *, mel: MelSpec, channels: int = 256, layers: int = 6, dilation_cycle: int = 2) -> None:
        super().__init__()
        self.bands, self.view = FineBands(mel), HertzView(mel)
        points = torch.arange(0, HIGHEST_GAIN + POINT_DISTANCE, POINT_DISTANCE, dtype=torch.float64)
        hertz = fine_hertz(mel)
        at_bins = interpolation(points, hertz) * (hertz <= HIGHEST_GAIN).unsqueeze(1)
        self.register_buffer("at_bins", at_bins, persistent=False)
        self.stack = GatedStack(
            inputs=HertzView.planes + 2,
            outputs=2 * len(points),
            channels=channels,
            layers=layers,
            dilation_cycle=dilation_cycle,
        )
        self.frame_radius = self.stack.frame_radius
        self._packing = Packing()

    def forward(self, bands: LogBands, f0: FineF0) -> Complex[Tensor, "batch bins fine_frames"]:
        """The gains, in units of the fine STFT over that of unit white noise."""
        return self.gains(bands, self.stack(self.seen(bands, f0)))

    def seen(self, bands: LogBands, f0: FineF0) -> Float[Tensor, "batch inputs fine_frames"]:
        """The mel over hertz, ln f0 and voicing."""
        voiced = f0 > 0
        pitch = torch.where(voiced, (f0.clamp_min(1) / TYPICAL).log(), 0.0)
        return torch.cat([self.view(bands), torch.stack([pitch, voiced.to(pitch)], dim=1).to(bands)], dim=1)

    def blockwise(self) -> BlockwiseFilter:
        """Begin with one mel that comes in pieces."""
        return BlockwiseFilter(self, BlockwiseStack(self._packing.of(self.stack)))

    def gains(
        self, bands: LogBands, said: Float[Tensor, "batch outputs fine_frames"]
    ) -> Complex[Tensor, "batch bins fine_frames"]:
        """Complex numbers of what the stack says, relative to the envelope."""
        real, imaginary = (product(self.at_bins, part) for part in said.float().chunk(2, dim=1))
        return self.bands.envelope(bands).float() * torch.complex(real, imaginary)


class HertzSpread(nn.Module):
    """The standard deviation of recordings around the filtered pulses, from the log bands of any convention.

    The envelope times what a small stack has learnt of it, said at the points of the mel's axis over hertz.
    """

    at_bins: Tensor

    def __init__(self, *, mel: MelSpec, channels: int = 96, layers: int = 3, dilation_cycle: int = 1) -> None:
        super().__init__()
        self.bands, self.view = FineBands(mel), HertzView(mel)
        self.register_buffer("at_bins", interpolation(axis(), fine_hertz(mel)), persistent=False)
        self.stack = GatedStack(
            inputs=HertzView.planes,
            outputs=len(axis()),
            channels=channels,
            layers=layers,
            dilation_cycle=dilation_cycle,
        )
        self.frame_radius = self.stack.frame_radius

    def forward(self, bands: LogBands) -> Float[Tensor, "batch bins fine_frames"]:
        """Root mean square magnitudes of what the filtered pulses lack, in units of the fine STFT."""
        said = product(self.at_bins, self.stack(self.view(bands)).float())
        return self.bands.envelope(bands).float() * (LEAST + nn.functional.softplus(said))
