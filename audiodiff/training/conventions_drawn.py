"""Mel conventions to train on: the named ones that differ, and as many invented ones."""

from random import Random

from audiodiff.errors import ConfigError
from audiodiff.mel.conventions import CONVENTIONS
from audiodiff.mel.spec import MelSpec

DRAWN_RATES = (16000, 22050, 24000, 32000, 44100, 48000)
HOPS = (0.005, 0.02)
"""Seconds between frames."""
OVERLAP = (3.0, 4.0, 5.0)
"""Hops in a window."""
BANDS = (40, 160)
INVENTED = 40


def all_conventions() -> list[MelSpec]:
    """Named conventions that a waveform can be put together from, each once, and `INVENTED` others; always the same."""
    named = {spec.sample_rate: {} for spec in CONVENTIONS.values()}
    for spec in CONVENTIONS.values():
        shape = (spec.n_fft, spec.win_length, spec.hop_length, spec.n_mels, spec.f_min, spec.f_top, spec.mel_scale)
        if spec.hop_length <= spec.win_length // 2:
            named[spec.sample_rate].setdefault(shape, spec)
    chance = Random(0)
    return [spec for specs in named.values() for spec in specs.values()] + [invent(chance) for _ in range(INVENTED)]


def invent(chance: Random) -> MelSpec:
    """Draw a convention: rate, hop, window, bands, their range, scale, norm, power and floor."""
    while True:
        rate = chance.choice(DRAWN_RATES)
        hop = int(rate * chance.uniform(*HOPS)) // 4 * 4
        window = min(int(hop * chance.choice(OVERLAP)), int(0.085 * rate)) // 2 * 2
        n_fft = max(window, 1 << (window - 1).bit_length())
        top = chance.choice([None, None, 8000.0, 7600.0, 11025.0, 12000.0, 16000.0])
        if top is not None and top >= rate / 2:
            top = None
        try:
            return MelSpec(
                sample_rate=rate,
                n_fft=n_fft,
                win_length=window,
                hop_length=hop,
                n_mels=4 * chance.randint(BANDS[0] // 4, BANDS[1] // 4),
                f_min=chance.choice([0.0, 0.0, 20.0, 40.0, 80.0]),
                f_max=top,
                mel_scale=chance.choice(["slaney", "htk"]),
                mel_norm=chance.choice(["slaney", None]),
                power=(power := chance.choice([1, 1, 2])),
                floor=chance.choice([1e-5, 1e-6, 1e-7]) ** power,
                framing=chance.choice(["center", "same"]),
            )
        except ConfigError:
            continue
