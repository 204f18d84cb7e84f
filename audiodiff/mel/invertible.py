"""Conventions that no waveform can be made of, with the reason."""

from audiodiff.errors import ConfigError
from audiodiff.mel.spec import MelSpec

FEWEST_BANDS = 16
"""Bands below which one vowel is not told from another."""


def check_invertible(spec: MelSpec) -> None:
    """Raise `ConfigError`, with the reason, for a convention whose mels do not hold enough of the sound.

    Frames must overlap by half a window at least, so that no sample lies at the edge of all of them, and there must
    be `FEWEST_BANDS` bands.
    """
    if spec.hop_length > spec.win_length // 2:
        raise ConfigError(
            f"mels with hop_length {spec.hop_length} and win_length {spec.win_length} cannot be inverted: frames must "
            "overlap by half a window at least, or what lies between them is lost; extract them with a shorter hop"
        )
    if spec.n_mels < FEWEST_BANDS:
        raise ConfigError(
            f"mels of {spec.n_mels} bands cannot be inverted: that is too few to tell one vowel from another; extract "
            f"them with at least {FEWEST_BANDS}, better 80"
        )
