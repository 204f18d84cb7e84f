"""The objective of a postfilter: recordings' mels from smoothed ones, and to tell the two apart."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.errors import ConfigError
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks.keep_to_mel import KeepToMel
from audiodiff.networks.mel_postfilter import LOWEST_LEVEL, MelPostfilter
from audiodiff.training.objective import Losses
from audiodiff.types import Mel, Wave

LEAST_SMOOTHING = 0.05
"""Mean difference in nepers from which on a mel counts as smoothed; that of a recording through a codec is smaller."""
_LINEAR_FROM = 0.5
"""Nepers from which on an error counts by its size, no longer by its square."""


class PostfilterMatch(nn.Module):
    """Train the postfilter of a model's finish on mels as `smoothing` leaves them; nothing else learns.

    loss = Huber distance of the corrected levels from the recording's + `decision` · cross entropy of whether a mel was
    smoothed. The ends of a crop, beyond which nothing is seen, count as those of a short mel. Levels are moved by up to
    `gain` nepers before, for a third of the mels.
    """

    def __init__(
        self, *, model: DiffusionModel, smoothing: nn.Module, decision: float = 0.02, gain: float = 2.0
    ) -> None:
        super().__init__()
        self.model = model
        model.requires_grad_(False)
        self.postfilter = _postfilter(model).requires_grad_(True)
        self.smoothing = smoothing
        self.decision, self.gain = decision, gain

    def forward(self, wave: Wave, mel: Mel, f0: Tensor | None = None, pulses: Wave | None = None) -> Losses:
        """`mel` is [batch, n_mels, frames]; the rest is not looked at."""
        power = self.postfilter.power
        chance, amount = torch.rand(2, len(mel), 1, 1).to(mel.device)
        louder = (2 * amount - 1) * self.gain * power * (chance < 1 / 3)
        wanted = self._stored(self.postfilter.compression.log_bands(mel) + louder)
        given = self._stored(power * self.smoothing(wanted / power))
        correction, decisions = self.postfilter.judged(given / power)
        error = (given - wanted) / power + correction
        distance = F.huber_loss(error, torch.zeros_like(error), delta=_LINEAR_FROM)
        smoothed = ((given - wanted).abs().mean(dim=(1, 2)) > LEAST_SMOOTHING * power).to(mel)
        decision = F.binary_cross_entropy_with_logits(decisions, smoothed.unsqueeze(1).expand_as(decisions))
        loss = distance + self.decision * decision
        return {"loss": loss, "distance": error.detach().abs().mean(), "decision": decision.detach()}

    def _stored(self, log_bands: Mel) -> Mel:
        """Those that the convention can tell apart; silence, which may lie at minus infinity, is finite."""
        compression, lowest = self.postfilter.compression, LOWEST_LEVEL * self.postfilter.power
        return compression.log_bands(compression.values(log_bands.clamp_min(lowest))).clamp_min(lowest)


def _postfilter(model: DiffusionModel) -> MelPostfilter:
    if not isinstance(model.finish, KeepToMel) or model.finish.postfilter is None:
        raise ConfigError(
            "this trains the postfilter of a finish: choose finish=keep_to_mel model.finish.postfilter=CHANNELS"
        )
    return model.finish.postfilter
