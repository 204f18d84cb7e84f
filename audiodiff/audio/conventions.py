"""Named mel conventions of existing projects, each tested against what the project's own code produced."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from audiodiff.audio.spec import MelSpec
from audiodiff.errors import ConfigError

_HIFIGAN_22K = MelSpec(
    sample_rate=22050,
    n_fft=1024,
    win_length=1024,
    hop_length=256,
    n_mels=80,
    f_max=8000.0,
    magnitude_epsilon=1e-9,
    framing="same",
)
_DIFFWAVE_22K = replace(
    _HIFIGAN_22K,
    f_min=20.0,
    f_max=None,
    mel_scale="htk",
    mel_norm=None,
    magnitude_epsilon=0.0,
    stft_norm="window",
    log_base="10",
    gain=20.0,
    shift=-80.0,
    scale=100.0,
    range=(0.0, 1.0),
    framing="center",
)

CONVENTIONS: Mapping[str, MelSpec] = MappingProxyType(
    {
        "hifigan_22k": _HIFIGAN_22K,
        "diffwave_22k": _DIFFWAVE_22K,
    }
)


def convention(name: str) -> MelSpec:
    """The mel convention called `name`; raises `ConfigError` with the nearest names for an unknown one."""
    if name in CONVENTIONS:
        return CONVENTIONS[name]
    from difflib import get_close_matches

    near = get_close_matches(name, CONVENTIONS, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise ConfigError(f"no mel convention is called {name!r}; {hint}Known: {', '.join(CONVENTIONS)}")
