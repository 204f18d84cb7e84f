"""Griffin-Lim over a window that moves along, for magnitudes of any length in constant memory."""

import math

import torch

from audiodiff.audio.stft import Stft
from audiodiff.phase.griffin_lim import MOMENTUM
from audiodiff.phase.iterations import BandRows, GriffinLimIterations, Line, SpectrumRows
from audiodiff.phase.mel_constraint import MelConstraint

ADVANCE = 16
"""Frames that enter the window, and leave it, at a time."""

LOOK_AHEAD = 32
"""Frames behind those that leave the window next: the future that their phases are fitted to."""

_NEGLIGIBLE = 1e-8
"""A sum of squared windows by which nothing is divided."""


class RunningGriffinLim:
    """Fast Griffin-Lim (Perraudin et al. 2013, alg. 2) on the latest frames; what is behind them stays as it is.

    `ADVANCE` frames at a time join the window with random phases, fixed for each frame; all in it are iterated,
    overlapped with those that have left; then the oldest leave (RTISI-LA, Zhu et al. 2007, by blocks). Every frame
    takes part in about `iterations` of them. The magnitudes given are an estimate: what an iteration strives for lies
    between it and those just reached, half way at first, wholly the latter at last, scaled to the mel (Masuyama et al.
    2023 find magnitudes and phases from a mel together, without an estimate). The same arithmetic is done in the same
    shapes however the magnitudes are cut into pieces, so the waveform does not depend on that by a single bit.
    """

    def __init__(self, stft: Stft, constraint: MelConstraint, iterations: int) -> None:
        self.stft, self.constraint = stft, constraint
        self.n_iterations = max(1, round(iterations * ADVANCE / (ADVANCE + LOOK_AHEAD)))
        self.generator = torch.Generator().manual_seed(0)
        self.waiting = self.magnitudes = stft.window.new_empty(0, stft.bins)
        self.waiting_bands = self.bands = stft.window.new_empty(0, len(constraint.filters))
        self.trust = stft.window.new_empty(0, 1)
        self.spectrum = self.consistent = self.magnitudes.to(torch.complex64)
        overlap = (stft.segments - 1) * stft.hop_length
        self.past = self.past_norm = stft.window.new_zeros(overlap)
        self.finished = stft.window.new_empty(0)
        self.iteration = GriffinLimIterations(stft, constraint, ADVANCE + LOOK_AHEAD)
        self.norms: dict[int, Line] = {}
        self.left = self.given = 0

    @property
    def lag(self) -> int:
        """Frames by which the waveform comes later than the magnitudes, after whole blocks."""
        return LOOK_AHEAD + -(-self.stft.left // self.stft.hop_length)

    @torch.no_grad()
    def feed(self, magnitudes: SpectrumRows, bands: BandRows) -> Line:
        """Take the estimated magnitudes and the mel's bands of more frames, return the hops that are finished."""
        self.waiting = torch.cat([self.waiting, magnitudes])
        self.waiting_bands = torch.cat([self.waiting_bands, bands])
        while len(self.waiting) >= ADVANCE:
            self._join(ADVANCE)
            if len(self.magnitudes) == ADVANCE + LOOK_AHEAD:
                self._leave(ADVANCE)
        return self._given(len(self.finished) // self.stft.hop_length * self.stft.hop_length)

    @torch.no_grad()
    def flush(self) -> Line:
        """Return the rest; the waveform ends with the last frame."""
        if len(self.waiting):
            self._join(len(self.waiting))
        end = self.left + len(self.magnitudes)
        while len(self.magnitudes):
            self._leave(min(ADVANCE, len(self.magnitudes)))
            if len(self.magnitudes):
                self._iterate()
        tail = self.past / self.past_norm.clamp_min(_NEGLIGIBLE)
        self.finished = torch.cat([self.finished, tail[self._silent() :]])
        return self._given(end * self.stft.hop_length - self.given)

    def _given(self, samples: int) -> Line:
        """Cut so many samples from those that are finished."""
        given, self.finished = self.finished[:samples], self.finished[samples:]
        self.given += samples
        return given

    def _silent(self) -> int:
        """Samples at the head of the window's overlap that lie before the start of the waveform."""
        return max(0, self.stft.left - self.left * self.stft.hop_length)

    def _join(self, n_frames: int) -> None:
        """Let the next frames into the window and iterate."""
        new, self.waiting = self.waiting[:n_frames], self.waiting[n_frames:]
        bands, self.waiting_bands = self.waiting_bands[:n_frames], self.waiting_bands[n_frames:]
        # Random phases come from one generator in the order of the frames, so that pieces give what the whole gives.
        turns = torch.rand(new.shape, generator=self.generator, dtype=torch.float32).to(new.device)
        self.magnitudes, self.bands = torch.cat([self.magnitudes, new]), torch.cat([self.bands, bands])
        self.spectrum = torch.cat([self.spectrum, torch.polar(new, 2 * math.pi * turns)])
        self.trust = torch.cat([self.trust, new.new_full((n_frames, 1), 0.5)])
        self._iterate()

    def _iterate(self) -> None:
        n_frames, share = len(self.magnitudes), 1 / (self.n_iterations * (1 + LOOK_AHEAD / ADVANCE))
        if self.iteration.n_frames != n_frames:  # only while the window fills up and empties
            self.iteration = GriffinLimIterations(self.stft, self.constraint, n_frames)
        done = torch.arange(1, self.n_iterations + 1).to(self.trust).view(-1, 1, 1)
        trusts = (self.trust + done * (share / 2)).clamp_max_(1)
        window = self.spectrum, self.consistent, self.magnitudes, self.bands
        self.spectrum, self.consistent = self.iteration(*window, trusts.unbind(), MOMENTUM, self.past, self._gain())
        self.trust = trusts[-1]

    def _leave(self, n_frames: int) -> None:
        """Fix the oldest frames and add the samples that no later frame can touch to `finished`."""
        frames = torch.fft.irfft(self.spectrum[:n_frames], n=self.stft.n_fft) * self.stft.window
        wave, norm = self.stft.overlapped(frames, self.past), self._norm(n_frames)
        done = n_frames * self.stft.hop_length
        fresh = wave[:done] / norm[:done].clamp_min(_NEGLIGIBLE)
        self.finished = torch.cat([self.finished, fresh[self._silent() :]])
        self.past, self.past_norm = wave[done:], norm[done:]
        self.magnitudes, self.spectrum = self.magnitudes[n_frames:], self.spectrum[n_frames:]
        self.consistent, self.trust = self.consistent[n_frames:], self.trust[n_frames:]
        self.bands = self.bands[n_frames:]
        self.left += n_frames

    def _gain(self) -> Line:
        """One over the sum of the squared windows; zero where there is no signal yet or any more."""
        n_frames = len(self.magnitudes)
        gain = 1 / self._norm(n_frames).clamp_min(_NEGLIGIBLE)
        gain[: self._silent()] = 0
        gain[self.stft.left + n_frames * self.stft.hop_length :] = 0
        return gain

    def _norm(self, n_frames: int) -> Line:
        """The sum of the squared windows; once the first frames have left it depends on the number of frames alone."""
        known = self.norms.get(n_frames)
        if known is None:
            known = self.stft.overlapped(self.stft.window.square().expand(n_frames, -1), self.past_norm)
            if self.left >= self.stft.segments:  # earlier, fewer frames overlap with the first ones of the window
                self.norms[n_frames] = known
        return known
