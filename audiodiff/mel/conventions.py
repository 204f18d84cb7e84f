"""Named mel conventions of existing projects, each tested against what the project's own code produced.

A convention is named after its best-known user and its sample rate; `ALIASES` lists projects that agree with it.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from audiodiff.errors import ConfigError
from audiodiff.mel.spec import FINE_PRINT, FLOORS, MelSpec

TACOTRON2_22K = MelSpec(sample_rate=22050, n_fft=1024, win_length=1024, hop_length=256, n_mels=80, f_max=8000.0)
"""Natural logarithm of Slaney bands with a floor of 1e-5: the root of most conventions below."""

HIFIGAN_22K = replace(TACOTRON2_22K, magnitude_epsilon=1e-9, framing="same")
BIGVGAN_44K_512 = replace(
    HIFIGAN_22K, sample_rate=44100, n_fft=2048, win_length=2048, hop_length=512, n_mels=128, f_max=None
)
OPENVPI_44K = replace(BIGVGAN_44K_512, f_min=40.0, f_max=16000.0, magnitude_epsilon=0.0)
COSYVOICE2_24K = replace(HIFIGAN_22K, sample_rate=24000, n_fft=1920, win_length=1920, hop_length=480)
BIGVGAN_24K = replace(HIFIGAN_22K, sample_rate=24000, n_mels=100, f_max=None)

FISH = {"magnitude_epsilon": 1e-6}
"""An epsilon under the root of Fish Audio's and ACE-Step's front-ends: silence lies at about -10, not at ln 1e-5."""
GPTSOVITS = {"magnitude_epsilon": 1e-8}
RVC = {"magnitude_epsilon": 2e-7, "floor": 2e-6}
"""Of the present code; before 2025 it had 1e-6 and 1e-5, as VITS."""

DECIBELS = {"log_base": "10", "gain": 20.0}
UNNORMALIZED = {"mel_scale": "htk", "mel_norm": None}
"""torchaudio's defaults."""

DIFFWAVE_22K = replace(
    TACOTRON2_22K,
    f_min=20.0,
    f_max=None,
    stft_norm="window",
    shift=-80.0,
    scale=100.0,
    range=(0.0, 1.0),
    **UNNORMALIZED,
    **DECIBELS,
)
WAVEGRAD_22K = replace(DIFFWAVE_22K, n_fft=2048, win_length=1200, hop_length=300, n_mels=128)

STYLETTS2_24K = replace(
    TACOTRON2_22K,
    sample_rate=24000,
    n_fft=2048,
    win_length=1200,
    hop_length=300,
    f_max=None,
    htk_corner=1050.0,
    power=2,
    floor_mode="add",
    shift=-4.0,
    scale=4.0,
    **UNNORMALIZED,
)
"""A filterbank made for 16 kHz, on sound of 24 kHz: in true hertz it is 1.5 times as wide, and so is its scale."""

VOCOS_24K = replace(TACOTRON2_22K, sample_rate=24000, n_mels=100, f_max=None, floor=1e-7, **UNNORMALIZED)
PARALLEL_WAVEGAN_22K = replace(TACOTRON2_22K, f_min=80.0, f_max=7600.0, log_base="10", floor=1e-10)
PARALLEL_WAVEGAN_16K = replace(PARALLEL_WAVEGAN_22K, sample_rate=16000)
PARALLEL_WAVEGAN_24K = replace(PARALLEL_WAVEGAN_22K, sample_rate=24000, n_fft=2048, win_length=1200, hop_length=300)
NEMO_22K_BEFORE_2025_07 = replace(TACOTRON2_22K, periodic=False, framing="same")
NEMO_44K_BEFORE_2025_07 = replace(
    NEMO_22K_BEFORE_2025_07, sample_rate=44100, n_fft=2048, win_length=2048, hop_length=512, f_max=None
)
NEMO_2025_07 = {"pad_mode": "constant", "last_frame": -11.52}
"""Changed by NeMo's commit 0fd4de534b of 2025-07-02 for everybody: zeros at the edges, a constant last frame."""

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "tacotron2_22k": (
            "waveglow_22k",
            "philsyn_22k",
            "bddm_22k",
            "fastdiff_tacotron_22k",
            "speechbrain_22k",
        ),
        "hifigan_22k": (
            "matcha_22k",
            "bigvgan_22k_fmax8k",
            "priorgrad_22k",
            "fregrad_22k",
            "cosyvoice_22k",
            "hiftnet_22k",
            "seedvc_tiny_22k",
        ),
        "bigvgan_22k": ("indextts2_22k", "seedvc_small_22k"),
        "bigvgan_24k": ("f5_bigvgan_24k", "amphion_24k"),
        "bigvgan_44k_512": ("seedvc_44k",),
        "vocos_24k": ("flow2gan_24k", "indextts1_24k"),
        "f5_24k": ("f5_vocos_24k",),
        "espnet_24k": ("rfwave_espnet_24k",),
        "cosyvoice2_24k": ("chatterbox_24k",),
        "openvpi_44k": ("diffsinger_44k", "singingvocoders_44k"),
        "speecht5_16k": ("parallel_wavegan_16k",),
        "styletts2_24k": ("styletts_24k",),
    }
)
"""Other names of a convention: projects whose front-end is the same by construction."""

_NAMED = {
    "diffwave_22k": DIFFWAVE_22K,
    "wavegrad_22k": WAVEGRAD_22K,
    "wavegrad_24k": replace(WAVEGRAD_22K, sample_rate=24000),
    "wavegrad_ivanvovk_22k": replace(
        TACOTRON2_22K,
        hop_length=300,
        f_min=80.0,
        power=2,
        log_base="10",
        floor=0.0,
        silence=0.0,
        last_frame="drop",
        **UNNORMALIZED,
    ),
    "hifigan_22k": HIFIGAN_22K,
    "tacotron2_22k": TACOTRON2_22K,
    "bigvgan_22k": replace(HIFIGAN_22K, f_max=None),
    "bigvgan_24k": BIGVGAN_24K,
    "bigvgan_44k_256": replace(BIGVGAN_44K_512, n_fft=1024, win_length=1024, hop_length=256),
    "bigvgan_44k_512": BIGVGAN_44K_512,
    "vocos_24k": VOCOS_24K,
    "f5_24k": replace(VOCOS_24K, floor=1e-5),
    "flow2gan_44k": replace(VOCOS_24K, sample_rate=44100, n_fft=2048, win_length=2048, hop_length=512, n_mels=128),
    "rfwave_24k": replace(VOCOS_24K, log_base="10"),
    "wavefm_24k": replace(VOCOS_24K, power=2, floor=1e-5),
    "parallel_wavegan_22k": PARALLEL_WAVEGAN_22K,
    "parallel_wavegan_24k": PARALLEL_WAVEGAN_24K,
    "espnet_22k": replace(PARALLEL_WAVEGAN_22K, magnitude_floor=1e-5),
    "espnet_24k": replace(PARALLEL_WAVEGAN_24K, magnitude_floor=1e-5),
    "fastdiff_22k": replace(PARALLEL_WAVEGAN_22K, floor=1e-6, pad_mode="constant"),
    "nemo_22k": replace(NEMO_22K_BEFORE_2025_07, **NEMO_2025_07),
    "nemo_22k_before_2025_07": NEMO_22K_BEFORE_2025_07,
    "nemo_44k": replace(NEMO_44K_BEFORE_2025_07, **NEMO_2025_07),
    "nemo_44k_before_2025_07": NEMO_44K_BEFORE_2025_07,
    "cosyvoice2_24k": COSYVOICE2_24K,
    "cosyvoice3_24k": replace(COSYVOICE2_24K, f_max=None),
    "vevo_24k": replace(COSYVOICE2_24K, n_mels=128, f_max=None, shift=-4.92, scale=8.14**0.5),
    "amphion_24k_80": replace(BIGVGAN_24K, n_mels=80, win_length=480, hop_length=120),
    "gptsovits_v3_24k": replace(BIGVGAN_24K, **GPTSOVITS),
    "gptsovits_v4_32k": replace(
        BIGVGAN_24K, sample_rate=32000, n_fft=1280, win_length=1280, hop_length=320, **GPTSOVITS
    ),
    "tortoise_24k": replace(BIGVGAN_24K, framing="center", magnitude_epsilon=0.0, magnitude_floor=1e-4),
    "fish_24k": replace(BIGVGAN_24K, **FISH),
    "fish_44k": replace(BIGVGAN_44K_512, **FISH),
    "firefly_44k": replace(BIGVGAN_44K_512, n_mels=160, **FISH),
    "acestep_44k": replace(OPENVPI_44K, **FISH),
    "openvpi_44k": OPENVPI_44K,
    "sovits_svc_44k": replace(OPENVPI_44K, magnitude_epsilon=1e-9),
    "diffsinger_24k": replace(
        PARALLEL_WAVEGAN_22K,
        sample_rate=24000,
        n_fft=512,
        win_length=512,
        hop_length=128,
        f_min=30.0,
        f_max=None,
        pad_mode="constant",
    ),
    "rvc_32k": replace(HIFIGAN_22K, sample_rate=32000, hop_length=320, f_max=None, **RVC),
    "rvc_40k": replace(BIGVGAN_44K_512, sample_rate=40000, hop_length=400, n_mels=125, **RVC),
    "rvc_48k": replace(BIGVGAN_44K_512, sample_rate=48000, hop_length=480, **RVC),
    "audioldm_16k": replace(TACOTRON2_22K, sample_rate=16000, hop_length=160, n_mels=64, f_max=None),
    "xtts_dvae_22k": replace(TACOTRON2_22K, mel_scale="htk", power=2),
    "styletts2_24k": STYLETTS2_24K,
    "parallel_wavegan_16k_160": replace(PARALLEL_WAVEGAN_16K, n_fft=512, win_length=400, hop_length=160),
    "parallel_wavegan_22k_fmax11k": replace(PARALLEL_WAVEGAN_22K, f_min=0.0, f_max=None),
    "parallel_wavegan_44k": replace(
        PARALLEL_WAVEGAN_22K, sample_rate=44100, n_fft=2048, win_length=2048, hop_length=512, n_mels=120, f_max=None
    ),
    "coqui_22k": replace(TACOTRON2_22K, f_max=None, floor=1e-8, shift=-30.0, scale=12.5, range=(-4.0, 4.0), **DECIBELS),
    "speecht5_16k": PARALLEL_WAVEGAN_16K,
}

CONVENTIONS: Mapping[str, MelSpec] = MappingProxyType(
    _NAMED | {alias: _NAMED[name] for name, aliases in ALIASES.items() for alias in aliases}
)
"""Every convention by name, aliases included."""


def convention(name: str) -> MelSpec:
    """The mel convention called `name`; raises `ConfigError` with the nearest names for an unknown one."""
    if name in CONVENTIONS:
        return CONVENTIONS[name]
    near = get_close_matches(name, CONVENTIONS, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    every = f"`audiodiff mel list` shows all {len(CONVENTIONS)}, in Python `audiodiff.mel.CONVENTIONS`"
    raise ConfigError(f"no mel convention is called {name!r}; {hint}{every}")


def names_of(spec: MelSpec) -> tuple[str, ...]:
    """All names of a convention, its own first; empty for one that nobody named."""
    return tuple(name for name, named in CONVENTIONS.items() if named == spec)


@cache
def families() -> Mapping[str, tuple[str, ...]]:
    """Conventions that differ in fine print and floors only, by the first of their names; aliases are left out.

    Away from their floors and edges they store the same values for the same sound, at most half a hop apart, so a
    mel cannot say which of them it is in.
    """
    telling = [field.name for field in fields(MelSpec) if field.name not in FINE_PRINT | FLOORS]
    found: dict[tuple[object, ...], list[str]] = {}
    for name, spec in _NAMED.items():
        found.setdefault(tuple(getattr(spec, field) for field in telling), []).append(name)
    return MappingProxyType({names[0]: tuple(names) for names in found.values()})
