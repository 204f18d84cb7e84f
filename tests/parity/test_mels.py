"""Our mel of the shared clip equals the one that each project's own front-end produced."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from audiodiff.audio import load_audio
from audiodiff.mel import MelSpec, MelSpectrogram, convention
from audiodiff.mel.filterbank import mel_filterbank

SYSTEMS = {
    "bigvgan_22k_fmax8k": "bigvgan_22k_fmax8k",
    "bigvgan_22k_fmaxnull": "bigvgan_22k",
    "bigvgan_24k_100": "bigvgan_24k",
    "bigvgan_44k_128_512": "bigvgan_44k_512",
    "coqui": "coqui_22k",
    "espnet_24k": "espnet_24k",
    "espnet_lj22k": "espnet_22k",
    "fastdiff": "fastdiff_22k",
    "flow2gan": "flow2gan_24k",
    "hifigan": "hifigan_22k",
    "ivanvovk_wavegrad": "wavegrad_ivanvovk_22k",
    "lmnt_diffwave": "diffwave_22k",
    "lmnt_wavegrad": "wavegrad_22k",
    "matcha": "matcha_22k",
    "nemo_hifigan_22k": "nemo_22k",
    "nemo_hifigan_22k_before_2025_07": "nemo_22k_before_2025_07",
    "parallel_wavegan_lj": "parallel_wavegan_22k",
    "philsyn": "philsyn_22k",
    "priorgrad": "priorgrad_22k",
    "rfwave": "rfwave_24k",
    "speechbrain": "speechbrain_22k",
    "speecht5": "speecht5_16k",
    "vocos_24k": "vocos_24k",
    "wavefm": "wavefm_24k",
}
TTS_SYSTEMS = {
    "acestep_44k": "acestep_44k",
    "amphion_base_24k_80": "amphion_24k_80",
    "amphion_vevo_24k": "vevo_24k",
    "amphion_vocoder_24k_100": "amphion_24k",
    "audioldm_16k": "audioldm_16k",
    "chatterbox_24k": "chatterbox_24k",
    "coqui_tortoise_univnet_24k": "tortoise_24k",
    "coqui_xtts_dvae_22k": "xtts_dvae_22k",
    "cosyvoice2_24k": "cosyvoice2_24k",
    "cosyvoice3_24k": "cosyvoice3_24k",
    "cosyvoice_22k": "cosyvoice_22k",
    "diffsinger_popcs_24k": "diffsinger_24k",
    "f5_bigvgan_24k": "f5_bigvgan_24k",
    "f5_vocos_24k": "f5_vocos_24k",
    "fish_firefly_44k_160": "firefly_44k",
    "fish_vocoder_24k_100": "fish_24k",
    "fish_vocoder_44k_128": "fish_44k",
    "gptsovits_v3_24k": "gptsovits_v3_24k",
    "gptsovits_v4_32k": "gptsovits_v4_32k",
    "indextts1_24k": "indextts1_24k",
    "indextts2_22k": "indextts2_22k",
    "nemo_hifigan_44k": "nemo_44k",
    "nemo_hifigan_44k_before_2025_07": "nemo_44k_before_2025_07",
    "openvpi_nsf_hifigan_44k": "openvpi_44k",
    "parallel_wavegan_16k": "parallel_wavegan_16k",
    "parallel_wavegan_16k_cvss": "parallel_wavegan_16k_160",
    "parallel_wavegan_22k_no_limit": "parallel_wavegan_22k_fmax11k",
    "parallel_wavegan_24k": "parallel_wavegan_24k",
    "parallel_wavegan_44k_kss": "parallel_wavegan_44k",
    "rvc_32k": "rvc_32k",
    "rvc_40k": "rvc_40k",
    "rvc_48k": "rvc_48k",
    "seedvc_44k": "seedvc_44k",
    "sovits_svc_diffusion_44k": "sovits_svc_44k",
    "styletts2_24k": "styletts2_24k",
}
"""Front-ends of TTS, singing and voice conversion, recorded after those above."""
CLIPS = {22050: "clip.flac"} | {1000 * k: f"clip_{k}k.flac" for k in (16, 24, 32, 40, 48)} | {44100: "clip_44k.flac"}
SIGNALS: dict[str, Callable[[Tensor], Tensor]] = {
    "mel": lambda clip: clip,
    "mel_zeros": lambda _: torch.zeros(3072),
    "mel_square": lambda _: torch.tensor([((n // 100) % 2 * 2 - 1) * 32000 / 32768 for n in range(3072)]),
}
SIXTY_DECIBELS = math.log(1000)
"""In nepers, natural logarithms of an amplitude."""


def assert_same_mel(spec: MelSpec, wave: Tensor, theirs: np.ndarray) -> None:
    """Equal, in nepers, to 1e-4 down to 60 dB below the loudest value, and to 1e-3 (rarely 3e-3) further down.

    A logarithm magnifies the float32 rounding of an STFT, which is relative to the loudest bin: the quietest values
    of the arrays themselves lie up to 2.3e-3 from a float64 computation. So further down ours is computed in float64:
    the rounding of this machine's float32 is not added to that of theirs.
    """
    ours, expected = MelSpectrogram(spec)(wave[None])[0], torch.from_numpy(theirs)
    exact = MelSpectrogram(spec).double()(wave.double()[None])[0]
    assert ours.shape == expected.shape
    unit = spec.power * spec.gain / (1 if spec.log_base == "e" else math.log(10))
    scale = torch.tensor(spec.scale).reshape(-1, 1)
    loud, level = (ours - expected).abs() * scale / unit, expected * scale / unit
    error = (exact - expected).abs() * scale / unit
    assert loud[level > level.max() - SIXTY_DECIBELS].max() <= 1e-4
    assert error.flatten().quantile(0.999) <= 1e-3
    assert error.max() <= 3e-3


def stored(shared: Path, system: str) -> dict[str, np.ndarray]:
    folder = "mels_tts" if system in TTS_SYSTEMS or system == "filterbanks_tts" else "mels"
    with np.load(shared / "parity" / folder / f"{system}.npz") as arrays:
        return dict(arrays)


def clip_at(shared: Path, sample_rate: int) -> Tensor:
    return load_audio(shared / "parity" / CLIPS[sample_rate])


@pytest.mark.parametrize("key", SIGNALS)
@pytest.mark.parametrize(("system", "name"), (SYSTEMS | TTS_SYSTEMS).items())
def test_mel_equals_the_projects_own(shared: Path, system: str, name: str, key: str) -> None:
    theirs, spec = stored(shared, system), convention(name)
    assert_same_mel(spec, SIGNALS[key](clip_at(shared, spec.sample_rate)), theirs[key])


def test_every_system_with_a_fixture_is_tested(shared: Path) -> None:
    fixtures = {path.stem for folder in ("mels", "mels_tts") for path in (shared / "parity" / folder).glob("*.npz")}
    assert fixtures - {"filterbanks", "filterbanks_tts"} == {*SYSTEMS, *TTS_SYSTEMS}


def peak_normalized(wave: Tensor) -> Tensor:
    return wave / wave.abs().max() * 0.95


TORTOISE = replace(convention("tortoise_24k"), shift=-4.5992932, scale=6.9136318)
"""As the diffusion of Tortoise has it, from -1 to 1; its vocoder gets it without."""
HIFIGAN, COQUI = convention("hifigan_22k"), convention("coqui_22k")
VARIANTS = {
    ("hifigan", "mel_train"): (HIFIGAN, peak_normalized),
    ("hifigan", "mel_loss"): (replace(HIFIGAN, f_max=None), peak_normalized),
    ("priorgrad", "mel_valid"): (HIFIGAN, lambda clip: peak_normalized(clip[: len(clip) // 256 * 256])),
    ("vocos_24k", "mel_same"): (replace(convention("vocos_24k"), framing="same"), None),
    ("flow2gan", "mel_44k"): (convention("flow2gan_44k"), None),
    ("rfwave", "mel_espnet"): (convention("rfwave_espnet_24k"), None),
    ("speechbrain", "mel_diffwave_lmnt_args"): (convention("diffwave_22k"), None),
    ("nemo_hifigan_22k", "mel_trg"): (
        replace(convention("nemo_22k"), f_max=None, magnitude_epsilon=1e-5),
        None,
    ),
    ("matcha", "mel_normalized_lj"): (replace(HIFIGAN, shift=-5.536622, scale=2.116101), None),
    ("coqui", "mel_ln_gain1_50_7600_nonorm"): (
        replace(convention("tacotron2_22k"), f_min=50.0, f_max=7600.0, floor=1e-8),
        None,
    ),
    ("acestep_44k", "mel_normalized"): (replace(convention("acestep_44k"), shift=-4.0, scale=7.0), None),
    ("amphion_base_24k_80", "mel_torch"): (replace(convention("amphion_24k_80"), magnitude_epsilon=1e-6), None),
    ("amphion_vevo_24k", "mel_ln"): (replace(convention("vevo_24k"), shift=0.0, scale=1.0), None),
    ("amphion_vocoder_24k_100", "mel_torch"): (convention("fish_24k"), None),
    ("coqui_xtts_dvae_22k", "mel_norms_linear"): (
        replace(convention("xtts_dvae_22k"), scale=tuple(1 + 5 * band / 79 for band in range(80))),
        None,
    ),
    ("cosyvoice_22k", "mel_loss"): (convention("bigvgan_22k"), None),
    ("cosyvoice2_24k", "mel_loss"): (convention("cosyvoice3_24k"), None),
    ("gptsovits_v3_24k", "mel_normalized"): (replace(convention("gptsovits_v3_24k"), shift=-5.0, scale=7.0), None),
    ("gptsovits_v4_32k", "mel_normalized"): (replace(convention("gptsovits_v4_32k"), shift=-5.0, scale=7.0), None),
    ("styletts2_24k", "mel_padded"): (convention("styletts_24k"), lambda clip: F.pad(clip, (5000, 5000))),
    ("coqui_tortoise_univnet_24k", "mel_normalized"): (TORTOISE, None),
}


@pytest.mark.parametrize(("system", "key"), VARIANTS)
def test_variant_of_a_convention_is_a_few_fields_away(shared: Path, system: str, key: str) -> None:
    spec, prepare = VARIANTS[system, key]
    clip = clip_at(shared, spec.sample_rate)
    assert_same_mel(spec, prepare(clip) if prepare else clip, stored(shared, system)[key])


STATISTICS = {
    ("coqui", "mel_meanvar"): (replace(COQUI, shift=0.0, scale=1.0, range=None), "stats_std"),
    ("parallel_wavegan_lj", "mel_normalized"): (convention("parallel_wavegan_22k"), "stats_scale"),
}


@pytest.mark.parametrize(("system", "key"), STATISTICS)
def test_statistics_per_band_belong_to_the_spec(shared: Path, system: str, key: str) -> None:
    arrays = stored(shared, system)
    spec, deviation = STATISTICS[system, key]
    spec = replace(spec, shift=tuple(arrays["stats_mean"]), scale=tuple(arrays[deviation]))
    assert_same_mel(spec, clip_at(shared, spec.sample_rate), arrays[key])


@pytest.mark.parametrize("recorded", ["filterbanks", "filterbanks_tts"])
def test_filterbanks_equal_the_ones_that_the_projects_used(shared: Path, recorded: str) -> None:
    for name, theirs in stored(shared, recorded).items():
        _, rate, n_fft, n_mels, f_min, f_max, scale, norm = name.split("_")
        spec = MelSpec(
            sample_rate=int(rate.removeprefix("sr")),
            n_fft=int(n_fft.removeprefix("n")),
            win_length=int(n_fft.removeprefix("n")),
            hop_length=256,
            n_mels=int(n_mels.removeprefix("m")),
            f_min=float(f_min),
            f_max=None if f_max == "None" else float(f_max),
            mel_scale=scale,
            mel_norm=None if norm == "None" else norm,
        )
        torch.testing.assert_close(mel_filterbank(spec), torch.from_numpy(theirs), atol=2e-5, rtol=1e-5, msg=name)
