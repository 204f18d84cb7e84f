"""Iterations of running Griffin-Lim on a fixed number of frames, in memory that is taken once."""

from collections.abc import Iterable

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from audiodiff.audio.stft import Stft
from audiodiff.phase.griffin_lim import TINY
from audiodiff.phase.mel_constraint import LEAST_FACTOR, LOUDEST_GAIN, MelConstraint

SpectrumRows = Float[Tensor, "frames bins"]
BandRows = Float[Tensor, "frames n_mels"]
ComplexRows = Complex[Tensor, "frames bins"]
Pairs = Float[Tensor, "frames bins 2"]
"""Real and imaginary parts, beside each other as they lie in memory."""
Line = Float[Tensor, " samples"]
Trust = Float[Tensor, "frames 1"]


class GriffinLimIterations:
    """The loop inside `RunningGriffinLim`, without waste.

    On so few frames it is bound by memory and by the number of operations, not by arithmetic: so every view is made
    once, results go where they are needed, and complex numbers are taken as pairs where torch is slow (|X|²).
    """

    def __init__(self, stft: Stft, constraint: MelConstraint, n_frames: int) -> None:
        new, size = stft.window.new_empty, (n_frames, stft.bins)
        self.stft, self.n_frames = stft, n_frames
        self.overlap = Overlap(stft, n_frames)
        self.windowed = new(n_frames, stft.n_fft)
        self.wanted, self.scale, self.squares = new(size), new(size), new(*size, 2)
        self.real_squares, self.imaginary_squares = self.squares.unbind(-1)
        self.step = new(size, dtype=stft.window.dtype.to_complex())
        self.rescale = Rescaling(constraint, self.wanted)

    def __call__(
        self,
        spectrum: ComplexRows,
        consistent: ComplexRows,
        magnitudes: SpectrumRows,
        bands: BandRows,
        trusts: Iterable[Trust],
        momentum: float,
        past: Line,
        gain: Line,
    ) -> tuple[ComplexRows, ComplexRows]:
        """Iterate once for each of `trusts`; return the spectrum (the one given, changed) and what was consistent.

        `consistent` may have fewer frames than `spectrum`: the others are new. `past` is what earlier frames left on
        the window's first samples, `gain` one over the sum of the squared windows. A frame strives for what lies
        between its estimated magnitudes and those that it reached, nearer to the latter by its trust.
        """
        before, step, window = torch.view_as_real(consistent), torch.view_as_real(self.step), self.stft.window
        for trust in trusts:
            # Project onto spectra that a waveform has: to samples and back.
            frames = torch.fft.irfft(spectrum, n=self.stft.n_fft)
            hops = self.overlap(frames, past, gain)
            now = torch.view_as_real(torch.fft.rfft(torch.mul(hops, window, out=self.windowed)))
            if len(before) < self.n_frames:  # new frames have no past, so they begin without momentum
                before = torch.cat([before, now[len(before) :]])
            # Magnitudes to strive for: estimates need not be consistent, so they give way to those reached.
            wanted = self._energy(now, self.wanted).sqrt_()
            torch.lerp(magnitudes, wanted, trust, out=wanted)
            self.rescale(bands)
            # Accelerate beyond the projection (alg. 2), and keep only the phases of where that leads.
            torch.lerp(before, now, 1 + momentum, out=step)
            scale = self._energy(step, self.scale).add_(TINY).rsqrt_().mul_(wanted)
            torch.mul(self.step, scale, out=spectrum)
            before = now
        return spectrum, torch.view_as_complex(before)

    def _energy(self, spectrum: Pairs, out: SpectrumRows) -> SpectrumRows:
        torch.mul(spectrum, spectrum, out=self.squares)
        return torch.add(self.real_squares, self.imaginary_squares, out=out)


class Overlap:
    """Windowed frames laid over one another (`Stft.overlapped`), times a gain, and cut into frames again."""

    def __init__(self, stft: Stft, n_frames: int) -> None:
        self.hop_length, past = stft.hop_length, stft.segments - 1
        wave = stft.window.new_empty(n_frames + past, stft.hop_length)
        self.samples, self.past, self.rest = wave.view(-1), wave[:past], wave[n_frames:]
        self.hops = self.samples.unfold(0, stft.n_fft, stft.hop_length)
        self.widths = [min(stft.hop_length, stft.n_fft - k * stft.hop_length) for k in range(stft.segments)]
        self.windows = stft.window.split(self.widths)
        self.places = [wave[k : k + n_frames, :width] for k, width in enumerate(self.widths)]

    def __call__(self, frames: Float[Tensor, "frames n_fft"], past: Line, gain: Line) -> Float[Tensor, "frames n_fft"]:
        """Lay frames over the samples that earlier ones left; what is returned is overwritten by the next call."""
        first, *others = zip(self.places, frames.split(self.widths, dim=1), self.windows, strict=True)
        torch.mul(*first[1:], out=first[0])  # writes where the others add, which saves clearing all of the memory
        self.rest.zero_()
        for place, piece, window in others:
            place.addcmul_(piece, window)
        self.past.add_(past.view(-1, self.hop_length))
        self.samples.mul_(gain)
        return self.hops


class Rescaling:
    """`MelConstraint.by_frames` of one tensor, in place, without most of the filterbank's zeros."""

    def __init__(self, constraint: MelConstraint, magnitudes: SpectrumRows) -> None:
        self.power, heard = constraint.power, slice(*constraint.to_bands.span)
        self.magnitudes, factor = magnitudes, torch.empty_like(magnitudes)
        self.powers = magnitudes if self.power == 1 else torch.empty_like(magnitudes)
        gain = magnitudes.new_zeros(len(magnitudes), len(constraint.filters))
        self.heard, self.gain = heard, gain[:, heard]
        self.to_bands = constraint.to_bands.between(self.powers, gain)
        self.to_bins = constraint.to_bins.between(gain, factor)
        covered = slice(*constraint.to_bins.span)
        self.covered, self.factor, self.holes = (
            magnitudes[:, covered],
            factor[:, covered],
            constraint.uncovered[covered],
        )

    def __call__(self, bands: BandRows) -> None:
        """Scale the magnitudes to these bands."""
        bands = bands[:, self.heard]
        if self.power != 1:
            torch.pow(self.magnitudes, self.power, out=self.powers)
        for rows, piece, product in self.to_bands:
            torch.mm(rows, piece, out=product)
        # A share of the target is added, so that a band that is silent now is not amplified without bound.
        self.gain.add_(bands, alpha=1 / LOUDEST_GAIN).clamp_min_(LEAST_FACTOR)
        torch.div(bands, self.gain, out=self.gain)
        for rows, piece, product in self.to_bins:
            torch.mm(rows, piece, out=product)
        self.factor.add_(self.holes)  # bins between the bands, which no product has written to, stay as they are
        if self.power != 1:
            self.factor.pow_(1 / self.power)
        self.covered.mul_(self.factor)
