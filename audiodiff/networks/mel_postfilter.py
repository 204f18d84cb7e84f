"""A postfilter for mels that an acoustic model smoothed: sharp again where they are smoothed, untouched where not."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.mel.compression import MelCompression
from audiodiff.mel.hertz import band_places
from audiodiff.mel.spec import MelSpec
from audiodiff.types import Mel

Levels = Float[Tensor, "batch n_mels frames"]
"""Natural logarithms of the bands' magnitudes."""
Decisions = Float[Tensor, "batch frames"]
"""Above 0 where a frame is taken for a smoothed one, as a logit; corrected in full from `CERTAIN` on."""
CERTAIN = 2.0
LARGEST_CORRECTION = 3.0
"""In nepers, 26 dB up or down."""
LOWEST_LEVEL = -25.0
"""Nepers; silence may lie at minus infinity."""
DILATIONS = (1, 2, 4, 8, 2, 1)
"""Over the bands, of the layers behind the first."""
LEVEL_REACH = 3
"""Frames to either side of one over which its level is averaged."""
_DECISION_KERNELS = (5, 9)


class MelPostfilter(nn.Module):
    """Convolutions over bands and frames that say what a smoothed mel lacks, and whether it is one.

    Acoustic models regress to a mean, so their mels lack the valleys between harmonics and between syllables (Toda &
    Tokuda 2007; Kaneko et al. 2017, who learn a postfilter as well), and a vocoder that keeps to such a mel fills them
    with noise. Errors of single bands and frames (noise) count as smoothing. Every frame gets a decision from some
    frames around it; where that says a recording's own mel, the mel comes back as it went in, to the bit. No number
    belongs to a band: each sees its place and its width in hertz.
    """

    facts: Tensor

    def __init__(self, *, mel: MelSpec, channels: int) -> None:
        super().__init__()
        self.compression, self.power = MelCompression(mel), mel.power
        centres, widths = band_places(mel)
        hop = math.log(mel.hop_length / mel.sample_rate / 0.0116)
        facts = [(centres / 700).log1p() / 2 - 1, (widths / 100).log() / 2, torch.full_like(centres, hop)]
        self.register_buffer("facts", torch.stack(facts).float().unsqueeze(2), persistent=False)
        self.first = nn.Conv2d(1 + len(facts), channels, (7, 3), padding=(3, 1))
        self.layers = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, dilation=(dilation, 1), padding=(dilation, 1)) for dilation in DILATIONS
        )
        self.said = nn.Conv2d(channels, 1, 1)
        for parameter in self.said.parameters():
            nn.init.zeros_(parameter)  # corrects nothing before it has learnt to
        early, late = _DECISION_KERNELS
        self.decided = nn.Sequential(
            nn.Conv1d(2 * channels, 16, early, padding=early // 2), nn.SiLU(), nn.Conv1d(16, 1, late, padding=late // 2)
        )

    @property
    def frame_radius(self) -> int:
        """Frames to either side of its own that a frame of the result depends on."""
        return LEVEL_REACH + 1 + len(self.layers) + sum(kernel // 2 for kernel in _DECISION_KERNELS)

    def forward(self, mel: Mel) -> Mel:
        """The mel in its own convention, sharpened by as much as its frames are taken for smoothed ones."""
        log_bands = self.compression.log_bands(mel.float())
        correction, decisions = self.judged(log_bands / self.power)
        share = (decisions / CERTAIN).clamp(0, 1).unsqueeze(1)
        sharp = self.compression.values(log_bands + self.power * share * correction)
        return torch.where(share > 0, sharp.to(mel), mel)

    def judged(self, levels: Levels) -> tuple[Levels, Decisions]:
        """Corrections in nepers that would mend a smoothed mel, and for every frame whether it is one."""
        levels = levels.clamp_min(LOWEST_LEVEL)
        around = F.pad(levels.mean(dim=1, keepdim=True), (LEVEL_REACH, LEVEL_REACH), mode="replicate")
        relative = (levels - F.avg_pool1d(around, 2 * LEVEL_REACH + 1, 1)) / 2
        facts = self.facts.unsqueeze(0).expand(levels.shape[0], -1, -1, levels.shape[-1])
        seen = torch.cat([relative.unsqueeze(1), facts], dim=1).to(self.said.weight)
        x = F.silu(self.first(seen))
        for layer in self.layers:
            x = x + F.silu(layer(x))
        said = self.said(x).squeeze(1).to(levels)
        correction = LARGEST_CORRECTION * torch.tanh(said / LARGEST_CORRECTION)
        over_bands = torch.cat([x.mean(dim=2), x.square().mean(dim=2)], dim=1)
        return correction, self.decided(over_bands).squeeze(1).to(levels)
