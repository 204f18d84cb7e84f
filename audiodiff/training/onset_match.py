"""The objective of the gains in time: energies of a millisecond, before and after every onset."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from audiodiff.conditioning import Conditioning
from audiodiff.errors import ConfigError
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks.keep_to_mel import KeepToMel
from audiodiff.networks.onset_gains import OnsetGains
from audiodiff.training.objective import Losses
from audiodiff.training.unrolled import Unrolled
from audiodiff.types import Mel, Seconds, Wave

SLOT: Seconds = 0.001
"""Over which energy is taken."""
SLOTS = 5
"""Over which it is averaged to say whether a result is wrong without the gains."""
FLOOR = 1e-5
"""Energy relative to the loudest slot of a crop below which there is silence: 50 dB."""


class OnsetMatch(Unrolled):
    """Train the `OnsetGains` of a model's finish, and nothing else, on what the sampler says without them.

    loss = that of `Unrolled` + the mean of (1 + `urgency` · d) · |log energy of the result - that of the recording|,
    over slots of a millisecond and the bands of the gains, in nepers of magnitude. d is the same difference without
    the gains over several slots: onsets are few, and a plain mean hardly hears them. Gains that see the mel alone
    cannot follow the pulses and the noise of one result, only what they are on the whole.
    """

    def __init__(
        self,
        *,
        model: DiffusionModel,
        steps: Sequence[int] = (1, 2),
        spectral: float = 1.0,
        mel: float = 0.5,
        urgency: float = 8.0,
    ) -> None:
        super().__init__(model=model, steps=steps, spectral=spectral, mel=mel)
        model.requires_grad_(False)
        self.finish = _finish(model)
        self.gains = _onset_gains(self.finish).requires_grad_(True)
        self.slot = round(SLOT * model.mel.sample_rate)
        self.urgency = urgency

    def said(self, wave: Wave, mel: Mel, mean: Wave) -> Wave:
        """Waveforms that the sampler makes, scaled to the mel, without gains."""
        with torch.no_grad():
            return self.finish.scaled(super().said(wave, mel, mean), mel)

    def finished(self, wave: Wave, cond: Conditioning) -> Wave:
        """The waveform before the finish."""
        return self.prior.decode(wave, cond)

    def compared(self, said: Wave, wave: Wave, mel: Mel) -> Losses:
        """The distance of energies in time, and of mels, once the gains are applied and the mel kept to again."""
        result = self.finish.scaled(self.gains(said, mel), mel)
        before, found, wanted = (self.heard_energy(self.gains.parted(x)) for x in (said, result, wave))
        floor = FLOOR * wanted.amax(dim=-1, keepdim=True) + 1e-12
        off = 0.5 * ((found + floor).log() - (wanted + floor).log()).abs()
        wrong = 0.5 * ((_spread(before) + floor).log() - (_spread(wanted) + floor).log()).abs()
        onsets = ((1 + self.urgency * wrong) * off).mean()
        losses = super().compared(result, wave, mel)
        named = {"onsets": onsets.detach(), "energy": off.mean().detach()}
        return losses | {"loss": losses["loss"] + onsets} | named

    def heard_energy(self, bands: Float[Tensor, "batch bands samples"]) -> Float[Tensor, "batch bands slots"]:
        """That of every slot."""
        heard = torch.stack([self.heard(band) for band in bands.unbind(1)], dim=1)
        return F.avg_pool1d(heard.square(), self.slot)


def _spread(energy: Float[Tensor, "batch bands slots"]) -> Float[Tensor, "batch bands slots"]:
    return F.avg_pool1d(energy, SLOTS, stride=1, padding=SLOTS // 2, count_include_pad=False)


def _finish(model: DiffusionModel) -> KeepToMel:
    if not isinstance(model.finish, KeepToMel):
        raise ConfigError("objective=onsets trains gains in time, which are a part of finish=keep_to_mel: choose that")
    return model.finish


def _onset_gains(finish: KeepToMel) -> OnsetGains:
    if finish.onsets is None:
        raise ConfigError("objective=onsets trains gains in time: set their channels, such as model.finish.onsets=64")
    return finish.onsets
