"""Numbers for people: sizes, times, and metrics with their units."""

from collections.abc import Mapping

from audiodiff.types import Seconds

_QUALITY = {"log_mel": "log-mel {:.3g} nats", "mr_stft": "MR-STFT {:.3g}"}
_PHASE = {
    "residual_crest": "crest {:+.1f}",
    "pulse_depth_1k": "pulse depth {:+.1f}",
    "pulse_depth_2k": "/ {:+.1f}",
    "pulse_depth_4k": "/ {:+.1f}",
    "pre_echo": "pre-echo {:+.1f}",
}
"""In dB, how they are told."""


def amount(number: int) -> str:
    """Such as 4.3 M."""
    for size, unit in ((10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def duration(seconds: Seconds) -> str:
    """Such as 3 h 05 min."""
    whole = round(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"


def metrics(found: Mapping[str, float]) -> str:
    """The metrics of a validation in one line, with their units; parts of the loss where nothing else was measured."""
    known = {name: text for name, text in (_QUALITY | _PHASE).items() if name in found}
    if not known:
        return ", ".join(f"{name} {value:.4g}" for name, value in sorted(found.items()))
    quality = [f"loss {found['loss']:.4g}"] if "loss" in found else []
    quality += [text.format(found[name]) for name, text in known.items() if name in _QUALITY]
    phase = ", ".join(text.format(found[name]) for name, text in known.items() if name in _PHASE)
    return ", ".join(quality) + (f"; {phase.replace(', /', ' /')} dB" if phase else "")
