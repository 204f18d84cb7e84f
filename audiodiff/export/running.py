"""Running Griffin-Lim as two loops of a graph, on real and imaginary parts."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch._higher_order_ops import while_loop
from torch.nn import functional as F

from audiodiff.audio.griffin_lim import TINY, Magnitudes
from audiodiff.audio.running_griffin_lim import BLOCK, MOMENTUM
from audiodiff.export.transforms import ConvolutionStft, Folded
from audiodiff.priors import MelInversion
from audiodiff.types import Mel, Wave

WINDOW = 2 * BLOCK
"""Frames that are iterated at a time: a block that has been in the window before, and a new one."""


class LoopedGriffinLim(nn.Module):
    """What a `RunningGriffinLim` gives for whole magnitudes.

    The spectrum of all frames is one tensor. For block after block, the block, the one before it and the
    `past` frames that still overlap with them are cut out, iterated, and put back.
    """

    def __init__(self, prior: MelInversion, stft: ConvolutionStft) -> None:
        super().__init__()
        self.stft, self.constraint = stft, prior.constraint
        self.rounds = prior.means().griffin_lim.rounds
        self.past = prior.stft.segments - 1

    def forward(self, magnitudes: Magnitudes, bands: Mel, phases: Folded) -> Wave:
        """Find a waveform from estimated magnitudes, the mel's band values and the phases to start from."""
        ones = torch.ones_like(magnitudes[:1, :1])
        margins, count = (self.past + BLOCK, WINDOW), ones.sum()
        started, wanted, heard = (F.pad(x, margins) for x in (self.stft.spread(magnitudes) * phases, bands, ones))
        estimate, rows = F.pad(magnitudes, margins), torch.arange(self.past + WINDOW)

        def unfinished(first: Tensor, spectrum: Folded, consistent: Folded) -> Tensor:
            more = (count > BLOCK) & (count % BLOCK > 0)  # an incomplete last block is iterated once more
            return (first < count) | (more & (first < count + BLOCK))

        def next_block(first: Tensor, spectrum: Folded, consistent: Folded) -> tuple[Tensor, Folded, Folded]:
            place = rows + first
            cut = [x.index_select(2, place) for x in (spectrum, estimate, wanted, heard)]
            window, consistent = self._iterated(consistent, *cut)
            index = place[self.past :].expand(*window.shape[:2], -1)
            return first + BLOCK, spectrum.scatter(2, index, window), consistent[..., BLOCK:].contiguous()

        begin = (torch.zeros((), dtype=torch.int64), started, torch.zeros_like(started[..., :BLOCK]))
        _, spectrum, _ = while_loop(unfinished, next_block, begin)
        found = spectrum[..., self.past + BLOCK :][..., : magnitudes.shape[-1]]
        return self.stft.inverse(found, self.stft.window_sum(ones))

    def _iterated(
        self, old: Folded, spectrum: Folded, estimate: Magnitudes, bands: Mel, heard: Float[Tensor, "1 1 frames"]
    ) -> tuple[Folded, Folded]:
        """The window's frames after all rounds, and the last consistent ones; `old` are those of its first half."""
        fixed, window = spectrum[..., : self.past], spectrum[..., self.past :].contiguous()
        estimate, bands, counted = (x[..., self.past :] for x in (estimate, bands, heard))
        norm, inside = self.stft.window_sum(heard), heard.repeat_interleave(self.stft.hop_length, dim=-1)[0]
        new = torch.arange(WINDOW) >= BLOCK

        def unfinished(done: Tensor, window: Folded, consistent: Folded) -> Tensor:
            return done < self.rounds

        def improve(done: Tensor, window: Folded, consistent: Folded) -> tuple[Tensor, Folded, Folded]:
            wave = self.stft.inverse(torch.cat([fixed, window], dim=-1), norm) * inside
            now = self.stft(wave)[..., self.past :].contiguous()
            before = torch.where(new & (done == 0), now, consistent)
            share = (done + 1 + self.rounds * ~new) / (2 * self.rounds)
            likely = torch.lerp(estimate, self.stft.magnitudes(now), ((1 + share) / 2).to(estimate.dtype))
            wanted = self.constraint(likely, bands) * counted
            step = now + MOMENTUM * (now - before)
            phases = step * self.stft.power(step).clamp_min(TINY).rsqrt()  # ONNX exporters drop `+ TINY`
            return done + 1, phases * self.stft.spread(wanted), now

        begin = (torch.zeros((), dtype=torch.int64), window, torch.cat([old, torch.zeros_like(old)], dim=-1))
        _, window, consistent = while_loop(unfinished, improve, begin)
        return window, consistent
