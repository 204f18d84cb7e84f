"""Running Griffin-Lim as two loops of a graph, on real and imaginary parts."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch._higher_order_ops import while_loop
from torch.nn import functional as F

from audiodiff.export.transforms import ConvolutionStft, Folded
from audiodiff.phase.griffin_lim import TINY
from audiodiff.phase.running_griffin_lim import ADVANCE, LOOK_AHEAD, MOMENTUM
from audiodiff.priors import MelInversion
from audiodiff.types import Magnitudes, Mel, Wave

_WINDOW = LOOK_AHEAD + ADVANCE
"""Frames that are iterated at a time: those that have been in the window before, and a new block."""

Row = Float[Tensor, "1 1 frames"]


class LoopedGriffinLim(nn.Module):
    """`RunningGriffinLim` for whole magnitudes.

    The spectrum of all frames is one tensor. For block after block, the window that ends with the block and the
    `past` frames that still overlap with it are cut out, iterated, and put back. Behind the last block the window
    moves on until it is empty.
    """

    def __init__(self, prior: MelInversion, stft: ConvolutionStft) -> None:
        super().__init__()
        self.stft, self.constraint = stft, prior.constraint
        self.n_iterations = prior.means().griffin_lim.n_iterations
        self.past = prior.stft.segments - 1

    def forward(self, magnitudes: Magnitudes, bands: Mel, phases: Folded) -> Wave:
        """Find a waveform from estimated magnitudes, the mel's band values and the phases to start from."""
        ones = torch.ones_like(magnitudes[:1, :1])
        margins, count = (self.past + LOOK_AHEAD, _WINDOW), ones.sum()
        started, wanted, heard = (F.pad(x, margins) for x in (self.stft.spread(magnitudes) * phases, bands, ones))
        estimate, rows = F.pad(magnitudes, margins), torch.arange(self.past + _WINDOW)

        def unfinished(first: Tensor, spectrum: Folded, consistent: Folded, trust: Row) -> Tensor:
            return first < count + LOOK_AHEAD

        def next_block(
            first: Tensor, spectrum: Folded, consistent: Folded, trust: Row
        ) -> tuple[Tensor, Folded, Folded, Row]:
            place = rows + first
            cut = [x.index_select(2, place) for x in (spectrum, estimate, wanted, heard)]
            window, now, trusted = self._iterated(consistent, trust, *cut)
            active = iterates(first, count)
            window = torch.where(active, window, cut[0][..., self.past :])
            now, trusted = torch.where(active, now, consistent), torch.where(active, trusted, trust)
            index = place[self.past :].expand(*window.shape[:2], -1)
            return first + ADVANCE, spectrum.scatter(2, index, window), moved_on(now, 0.0), moved_on(trusted, 0.5)

        nothing = torch.zeros_like(started[..., :_WINDOW])
        begin = (torch.zeros((), dtype=torch.int64), started, nothing, 0.5 + torch.zeros_like(heard[..., :_WINDOW]))
        _, spectrum, _, _ = while_loop(unfinished, next_block, begin)
        found = spectrum[..., self.past + LOOK_AHEAD :][..., : magnitudes.shape[-1]]
        return self.stft.inverse(found, self.stft.window_sum(ones))

    def _iterated(
        self, old: Folded, trust: Row, spectrum: Folded, estimate: Magnitudes, bands: Mel, heard: Row
    ) -> tuple[Folded, Folded, Row]:
        """The window's frames after all iterations, the last consistent ones, and how far those are trusted."""
        fixed, window = spectrum[..., : self.past], spectrum[..., self.past :].contiguous()
        estimate, bands, counted = (x[..., self.past :] for x in (estimate, bands, heard))
        norm, inside = self.stft.window_sum(heard), heard.repeat_interleave(self.stft.hop_length, dim=-1)[0]
        new, share = torch.arange(_WINDOW) >= LOOK_AHEAD, 1 / (self.n_iterations * (1 + LOOK_AHEAD / ADVANCE))

        def unfinished(done: Tensor, window: Folded, consistent: Folded) -> Tensor:
            return done < self.n_iterations

        def improve(done: Tensor, window: Folded, consistent: Folded) -> tuple[Tensor, Folded, Folded]:
            wave = self.stft.inverse(torch.cat([fixed, window], dim=-1), norm) * inside
            now = self.stft(wave)[..., self.past :].contiguous()
            before = torch.where(new & (done == 0), now, consistent)
            trusted = (trust + (done + 1).to(trust.dtype) * (share / 2)).clamp_max(1)
            likely = torch.lerp(estimate, self.stft.magnitudes(now), trusted)
            wanted = self.constraint(likely, bands) * counted
            step = now + MOMENTUM * (now - before)
            phases = step * self.stft.power(step).clamp_min(TINY).rsqrt()  # ONNX exporters drop `+ TINY`
            return done + 1, phases * self.stft.spread(wanted), now

        begin = (torch.zeros((), dtype=torch.int64), window, old.contiguous())
        _, window, consistent = while_loop(unfinished, improve, begin)
        return window, consistent, (trust + self.n_iterations * (share / 2)).clamp_max(1)


def iterates(first: Tensor, count: Tensor) -> Tensor:
    """Check whether the window is iterated when the block behind it begins at the frame `first` of `count`.

    With every block it is; behind the last block whenever a block has left it and another is still there. A last
    block that is whole leaves no time for that when it has just come.
    """
    whole = (count % ADVANCE == 0).to(first.dtype)
    return (first < count) | ((first >= count + ADVANCE * whole) & (first >= _WINDOW))


def moved_on(window: Tensor, new: float) -> Tensor:
    """The window without its oldest block, with a new one."""
    return torch.cat([window[..., ADVANCE:], torch.full_like(window[..., :ADVANCE], new)], dim=-1)
