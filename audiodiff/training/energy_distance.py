"""The distance of two waveforms in time: energies of a millisecond, most of all before and after onsets."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from audiodiff.audio.three_bands import ThreeBands
from audiodiff.errors import ConfigError
from audiodiff.types import Hertz, Seconds, Wave

SLOT: Seconds = 0.001
"""Over which energy is taken."""
SLOTS = 5
"""Over which it is averaged to say whether a waveform is wrong."""
FLOOR = 1e-5
"""Energy relative to the loudest slot of a crop below which there is silence: 50 dB."""


class EnergyDistance(nn.Module):
    """Mean of skew(l, `excess`) + `urgency` · d · skew(l, `onset_excess`), in nepers of magnitude.

    l is the log energy of a waveform minus that of the recording, over slots of a millisecond and three bands. d is
    |l| of `plain`, which is the waveform without what is to mend its onsets, over several slots: onsets are few, and a
    plain mean hardly hears them. skew(l, r) is |l| weighted so that what is too loud counts r times as much as what is
    too quiet, 1 on the average: a quantile in place of the median. With `onset_excess` there is silence rather than a
    smear where an onset's place is not certain; with `excess` everywhere, so between pulses too. Raises `ConfigError`
    for one that is not positive.
    """

    def __init__(
        self, sample_rate: Hertz, urgency: float = 8.0, excess: float = 1.0, onset_excess: float = 5.0
    ) -> None:
        super().__init__()
        for name, ratio in (("excess", excess), ("onset_excess", onset_excess)):
            if not ratio > 0:
                raise ConfigError(f"{name}={ratio}: expected a positive number, 1 for neither side")
        self.parted = ThreeBands(sample_rate)
        self.slot = round(SLOT * sample_rate)
        self.urgency = urgency
        self.tilt, self.onset_tilt = ((ratio - 1) / (ratio + 1) for ratio in (excess, onset_excess))

    def forward(self, wave: Wave, reference: Wave, plain: Wave) -> Float[Tensor, ""]:
        """The distance of waveforms [batch, samples]; `plain` is `wave` without what is to mend its onsets."""
        found, wanted, before = (self._energy(x) for x in (wave, reference, plain.detach()))
        floor = FLOOR * wanted.amax(dim=-1, keepdim=True) + 1e-12
        louder = 0.5 * ((found + floor).log() - (wanted + floor).log())
        wrong = 0.5 * ((_spread(before) + floor).log() - (_spread(wanted) + floor).log()).abs()
        off = louder.abs()
        urgent = self.urgency * wrong * (off + self.onset_tilt * louder)
        return (off + self.tilt * louder + urgent).mean()

    def _energy(self, wave: Wave) -> Float[Tensor, "batch bands slots"]:
        """That of every slot."""
        return F.avg_pool1d(self.parted(wave).square(), self.slot)


def _spread(energy: Float[Tensor, "batch bands slots"]) -> Float[Tensor, "batch bands slots"]:
    return F.avg_pool1d(energy, SLOTS, stride=1, padding=SLOTS // 2, count_include_pad=False)
