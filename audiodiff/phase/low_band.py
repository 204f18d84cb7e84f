"""The lowest kilohertz of a waveform, brought to the mel that it was made from by Griffin-Lim's iteration."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.audio.low_rate import LowRate
from audiodiff.audio.stft import Stft
from audiodiff.mel.spec import MelSpec
from audiodiff.phase.mel_constraint import LEAST_FACTOR, MelConstraint
from audiodiff.types import FirstFrame, Samples, Seconds, Wave

LOW_BAND_TOP = 1000.0
"""In hertz; half of the change remains there, none a tenth above."""
LOWEST_HARMONIC = 50.0
"""In hertz; a mel that begins above it may show half of a voice's lowest harmonic."""
LOW_BAND_FOOT, LATE_FOOT = (0.0, 30.0), (20.0, 200.0)
"""In hertz above the beginning of a mel that does not begin at 0 Hz, and of one that begins above `LOWEST_HARMONIC`:
where the change begins, and where it is whole."""
SETTLING = 16
"""Iterations at the end that settle what momentum has stirred: it begins anew there."""
LARGEST_BAND_GAIN = 30.0
"""Of a band, in one iteration: where harmonics cancel there is hardly anything, and what is made of that depends on
rounding."""
BLOCK_LENGTH: Seconds = 0.07
"""Of samples that are changed together, and seen to either side of them."""
WINDOWS_TOGETHER = 64
"""Windows that fit a processor's cache."""

BandValues = Float[Tensor, "batch frames bands"]
Hops = Float[Tensor, "windows hops low_hop"]
SpectralParts = Float[Tensor, "windows frames parts"]


class LowBand(nn.Module):
    """Fast Griffin-Lim (Perraudin et al. 2013) below `LOW_BAND_TOP`, from a waveform whose phases are nearly right.

    Harmonics of low voices lie closer than a mel frame resolves, so how loud it is between them tells how their phases
    lie to one another, of which scaling once (`MelConstraint`) makes little use. In each iteration magnitudes are
    scaled to the mel; momentum grows as i / (i + 1), and begins anew for the last ones (`SETTLING`). It works at a
    sample rate of some 3 kHz, in windows of three blocks, the middle one of which is kept, so that a sample depends on
    what is near; blocks are counted from the beginning of the mel. With a `share` below 1 only so much of the way is
    gone, and scaled once more: phases that are good already stay nearer to what they were. What lies above
    `LOW_BAND_TOP` stays as it is, and so does what lies where a mel begins that shows half of a lowest harmonic: its
    level would drift by the other half.
    """

    transform: Float[Tensor, "taps parts"]
    inverse: Float[Tensor, "parts taps"]
    filters: Float[Tensor, "bands bins"]
    shares: Float[Tensor, "bins bands"]
    uncovered: Float[Tensor, " bins"]
    fraction: Float[Tensor, " bins"]
    kept: Float[Tensor, " bands"]
    fade: Float[Tensor, " low_samples"]

    def __init__(
        self, mel: MelSpec, stft: Stft, constraint: MelConstraint, iterations: int, share: float = 1.0
    ) -> None:
        super().__init__()
        self.mel, self.iterations, self.share, self.power = mel, iterations, share, constraint.power
        self.rate = LowRate(mel.sample_rate, mel.hop_length, 1.1 * LOW_BAND_TOP)
        self.hop, factor = self.rate.low_hop, self.rate.factor
        self.block = max(1, round(BLOCK_LENGTH * mel.sample_rate / mel.hop_length))

        places = torch.arange(-stft.left, stft.n_fft - stft.left)
        at = (places % factor == 0) & (stft.window > 0)
        window, taps = stft.window[at].double(), places[at].double()
        first = int(places[at][0]) // factor
        self.early = -(-first // self.hop) * self.hop - first  # samples by which a frame begins before a whole hop
        self.ahead = (-first - self.early) // self.hop  # hops by which it begins before its own
        self.taps, self.segments = len(taps), -(-len(taps) // self.hop)

        hertz = torch.arange(stft.bins) * mel.sample_rate / stft.n_fft
        fraction = ((1.1 * LOW_BAND_TOP - hertz) / (0.2 * LOW_BAND_TOP)).clamp(0, 1)
        if mel.f_min:
            none, whole = LATE_FOOT if mel.f_min > LOWEST_HARMONIC else LOW_BAND_FOOT
            fraction = fraction * ((hertz - mel.f_min - none) / (whole - none)).clamp(0, 1)
        low = hertz < 1.1 * LOW_BAND_TOP
        middle = taps.mean()  # phases count from there: real parts see what is even around it, others what is odd
        angles = 2 * torch.pi * torch.outer(taps - middle, torch.arange(int(low.sum())).double()) / stft.n_fft
        parts = torch.cat([angles.cos(), -angles.sin()], dim=1) * window.unsqueeze(1)
        missing = self.segments * self.hop - len(taps)
        self.register_buffer("transform", F.pad(parts * factor, (0, 0, 0, missing)).float(), persistent=False)
        squares = F.pad(window.square(), (0, missing)).view(self.segments, self.hop).sum(dim=0).clamp_min(1e-8)
        twice = torch.where(torch.arange(parts.shape[1]) % (parts.shape[1] // 2) == 0, 1.0, 2.0)  # but for 0 Hz
        inverse = F.pad(parts * twice / stft.n_fft, (0, 0, 0, missing)) / squares.repeat(self.segments).unsqueeze(1)
        self.register_buffer("inverse", inverse.mT.float().contiguous(), persistent=False)

        filters = constraint.filters
        kept = filters[:, low].sum(dim=1) > 0.9 * filters.sum(dim=1).clamp_min(LEAST_FACTOR)
        shares = constraint.shares[low][:, kept]
        self.register_buffer("kept", kept.nonzero().squeeze(1), persistent=False)
        self.register_buffer("filters", filters[kept][:, low].contiguous(), persistent=False)
        self.register_buffer("shares", shares.contiguous(), persistent=False)
        self.register_buffer("uncovered", 1 - shares.sum(dim=1), persistent=False)
        self.register_buffer("fraction", fraction[low], persistent=False)
        self.register_buffer("fade", _fade(self.block * self.hop), persistent=False)

    @property
    def counts(self) -> tuple[int, int]:
        """Iterations before the last ones, and those."""
        last = min(SETTLING, self.iterations)
        return self.iterations - last, last

    @property
    def reach(self) -> Samples:
        """Samples to either side that a sample of the result sees, at most: of mel frames as well."""
        crossfade = self.block * self.rate.hop_length // 4
        return 2 * self.block * self.rate.hop_length + crossfade + self.rate.hop_length + 2 * self.rate.reach

    def forward(self, wave: Wave, bands: BandValues, first: FirstFrame = 0) -> Wave:
        """Change [batch, hop_length · frames] samples; `bands` are the mel's values, as `MelConstraint.bands` says."""
        with torch.autocast(wave.device.type, enabled=False):
            low = self.rate.down(wave.to(self.transform))
            return wave + self.rate.up(self._change(low, bands.to(low), first)).to(wave)

    def _change(self, low: Wave, bands: BandValues, first: FirstFrame) -> Wave:
        """The difference at the low rate."""
        batch, frames, _ = bands.shape
        block, hop = self.block, self.hop
        shifts = [x % block for x in ([first] if isinstance(first, int) else first)]  # one for all, or of each row
        count = (frames + max(shifts) + block) // block + 1  # never one alone: a graph would be made for that
        before = [(block + shift) * hop + self.early for shift in shifts]
        windows = _threes(_placed(low, before, (count + 2) * block * hop), block, hop)

        known = F.pad(bands[..., self.kept], (0, 1), value=1.0)  # the last column: whether there is such a frame
        width = known.shape[2]
        leads = [(block + shift - self.ahead) * width for shift in shifts]
        known = _threes(_placed(known.flatten(1), leads, (count + 2) * block * width), block, width)
        inside = 3 * block - self.segments + 1  # frames that lie in a window as a whole

        changes = self._changes(windows, known[:, :inside]).flatten(1).mul(self.fade)
        thirds = changes.view(batch, -1, 3, block * hop)
        laid = [F.pad(thirds[:, :, k], (0, 0, k, 2 - k)) for k in range(3)]
        return _taken(torch.stack(laid).sum(dim=0).flatten(1), before, low.shape[1])

    def _changes(self, windows: Hops, known: BandValues) -> Hops:
        traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        if windows.device.type != "cpu" or traced:
            return self._iterated(windows, known) - windows
        parts = zip(windows.split(WINDOWS_TOGETHER), known.split(WINDOWS_TOGETHER), strict=True)
        return torch.cat([self._iterated(*part) - part[0] for part in parts])

    def _iterated(self, start: Hops, known: BandValues) -> Hops:
        """Fast Griffin-Lim from there."""
        bands, exists = known[..., :-1], known[..., -1:]
        scaled = start
        for count in self.counts:
            now = scaled
            for i in range(count):
                before, scaled = scaled, now + self._correction(now, bands, exists)
                now = torch.lerp(before, scaled, 1 + i / (i + 1))
        if self.share == 1:
            return scaled
        scaled = torch.lerp(start, scaled, self.share)
        return scaled + self._correction(scaled, bands, exists)

    def _correction(self, wave: Hops, bands: BandValues, exists: Tensor) -> Hops:
        """The difference that scaling the magnitudes of all frames makes (`MelConstraint.by_frames`)."""
        spectrum = self.transformed(wave).unflatten(2, (2, -1))
        energy = spectrum.square().sum(dim=2)
        powers = energy.clamp_min(LEAST_FACTOR).sqrt() if self.power == 1 else energy
        found = F.linear(powers, self.filters).add(bands, alpha=1 / LARGEST_BAND_GAIN).clamp_min(LEAST_FACTOR)
        gain = bands * (1 + 1 / LARGEST_BAND_GAIN) / found  # 1 where they agree
        factor = F.linear(gain, self.shares, self.uncovered)
        if self.power != 1:
            factor = factor.clamp_min(LEAST_FACTOR).pow(1 / self.power)
        more = (factor - 1) * self.fraction * exists
        return self.inverted((spectrum * more.unsqueeze(2)).flatten(2))

    def transformed(self, wave: Hops) -> SpectralParts:
        """The real and the imaginary parts of all frames."""
        inside = wave.shape[1] - self.segments + 1
        return torch.cat([wave[:, k : k + inside] for k in range(self.segments)], dim=2) @ self.transform

    def inverted(self, spectrum: SpectralParts) -> Hops:
        """The sum of the overlapping frames."""
        pieces = (spectrum @ self.inverse).unflatten(2, (self.segments, self.hop))
        windows, inside = pieces.shape[:2]
        wave = pieces.new_zeros(windows, inside + self.segments - 1, self.hop)
        for k in range(self.segments):
            wave[:, k : k + inside] += pieces[:, :, k]
        return wave


def _fade(block: Samples) -> Tensor:
    """Of the three blocks of a window the middle one, with raised cosines around its two ends."""
    quarter = max(1, block // 4)
    places = torch.arange(3 * block) + 0.5

    def risen(start: Samples) -> Tensor:
        return 0.5 - 0.5 * (torch.pi * ((places - start + quarter) / (2 * quarter)).clamp(0, 1)).cos()

    return risen(block) * (1 - risen(2 * block))


def _placed(rows: Tensor, before: Sequence[int], length: int) -> Tensor:
    """Every row so many places from the beginning of a longer one of zeros."""
    if len(before) == 1:
        return F.pad(rows, (before[0], length - before[0] - rows.shape[1]))
    return torch.stack([F.pad(x, (k, length - k - len(x))) for x, k in zip(rows, before, strict=True)])


def _taken(rows: Tensor, before: Sequence[int], length: int) -> Tensor:
    """The inverse of `_placed`."""
    if len(before) == 1:
        return rows.index_select(1, torch.arange(before[0], before[0] + length, device=rows.device))
    return torch.stack([x[k : k + length] for x, k in zip(rows, before, strict=True)])


def _threes(rows: Tensor, block: int, width: int) -> Tensor:
    """Windows of three blocks of so many places, one from every block, [batch · windows, places, width]."""
    return rows.unfold(1, 3 * block * width, block * width).flatten(0, 1).unflatten(1, (3 * block, width))
