"""Changes of level while training, so that a voice does not depend on how loud its corpus was recorded."""

from collections.abc import Callable
from random import Random

from jaxtyping import Float
from torch import Tensor

from audiodiff.errors import ConfigError

_Samples = Float[Tensor, " samples"]

Augment = Callable[[_Samples, Random], _Samples]
"""(waveform, source of chance) -> waveform of the same length; the mel is made of the result."""

_PEAK = 0.99
"""No gain raises a waveform above this."""


class Gain:
    """Make a segment louder or softer by a gain drawn from `low` to `high` dB, as far as it does not clip."""

    def __init__(self, *, low: float, high: float) -> None:
        self.range = _range(low, high)

    def __call__(self, wave: _Samples, chance: Random) -> _Samples:
        return _amplify(wave, chance.uniform(*self.range))


class Loudness:
    """Bring a segment's RMS to a level drawn from `low` to `high` dBFS, as far as it does not clip.

    Nothing is changed by more than `most` dB, so that pauses do not become noise.
    """

    def __init__(self, *, low: float, high: float, most: float = 20.0) -> None:
        self.range = _range(low, high)
        self.most = most

    def __call__(self, wave: _Samples, chance: Random) -> _Samples:
        level = 10 * wave.square().mean().clamp_min(1e-20).log10().item()
        change = chance.uniform(*self.range) - level
        return _amplify(wave, max(-self.most, min(self.most, change)))


def _amplify(wave: _Samples, decibels: float) -> _Samples:
    peak = wave.abs().max().item()
    loudest = max(1.0, _PEAK / peak) if peak else 1.0
    return wave * min(10 ** (decibels / 20), loudest)


def _range(low: float, high: float) -> tuple[float, float]:
    if low > high:
        raise ConfigError(f"low must not lie above high, got low={low} and high={high} dB")
    return low, high
