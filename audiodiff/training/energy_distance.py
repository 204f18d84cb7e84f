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
    """Mean of (1 + `urgency` · d) · |log energy of a waveform - that of the recording|, in nepers of magnitude.

    Over slots of a millisecond and three bands. d is the same difference of `plain`, which is the waveform without
    what is to mend its onsets, over several slots: onsets are few, and a plain mean hardly hears them. What is too
    loud counts `excess` times as much as what is too quiet, so that where an onset's place is not certain there is
    silence rather than a smear: a quantile in place of the median. Raises `ConfigError` for one that is not positive.
    """

    def __init__(self, sample_rate: Hertz, urgency: float = 8.0, excess: float = 1.5) -> None:
        super().__init__()
        if not excess > 0:
            raise ConfigError(f"excess={excess}: expected a positive number, 1 for neither side")
        self.parted = ThreeBands(sample_rate)
        self.slot = round(SLOT * sample_rate)
        self.urgency, self.tilt = urgency, (excess - 1) / (excess + 1)

    def forward(self, wave: Wave, reference: Wave, plain: Wave) -> Float[Tensor, ""]:
        found, wanted, before = (self._energy(x) for x in (wave, reference, plain.detach()))
        floor = FLOOR * wanted.amax(dim=-1, keepdim=True) + 1e-12
        louder = 0.5 * ((found + floor).log() - (wanted + floor).log())
        off = louder.abs() + self.tilt * louder
        wrong = 0.5 * ((_spread(before) + floor).log() - (_spread(wanted) + floor).log()).abs()
        return ((1 + self.urgency * wrong) * off).mean()

    def _energy(self, wave: Wave) -> Float[Tensor, "batch bands slots"]:
        """That of every slot."""
        return F.avg_pool1d(self.parted(wave).square(), self.slot)


def _spread(energy: Float[Tensor, "batch bands slots"]) -> Float[Tensor, "batch bands slots"]:
    return F.avg_pool1d(energy, SLOTS, stride=1, padding=SLOTS // 2, count_include_pad=False)
