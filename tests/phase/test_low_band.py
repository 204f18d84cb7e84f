"""The iteration below one kilohertz: what it finds, what it leaves alone, and how far it sees."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from audiodiff.errors import ConfigError
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.networks import KeepToMel
from audiodiff.phase import low_band as low_band_module
from audiodiff.phase.low_band import LowBand

HIFIGAN = convention("hifigan_22k")
SPECS = {
    "hifigan_22k": HIFIGAN,
    "center": replace(HIFIGAN, framing="center"),
    "espnet_24k": convention("espnet_24k"),
    "cosyvoice2_24k": convention("cosyvoice2_24k"),
    "xtts_dvae_22k": convention("xtts_dvae_22k"),  # of powers
}


def low_band(spec, iterations: int = 8) -> tuple[LowBand, KeepToMel]:
    finish = KeepToMel(mel=spec, iterations=iterations).double()
    assert finish.low is not None
    return finish.low, finish


def voice(spec, frames: int, seed: int = 0) -> torch.Tensor:
    """Harmonics of 70 Hz with phases of their own, [1, samples]."""
    draw = torch.Generator().manual_seed(seed)
    seconds = torch.arange(frames * spec.hop_length, dtype=torch.float64) / spec.sample_rate
    harmonics = torch.arange(1, 31, dtype=torch.float64)
    phases = 2 * torch.pi * torch.rand(30, generator=draw, dtype=torch.float64)
    tones = torch.sin(2 * torch.pi * 70 * harmonics.unsqueeze(1) * seconds + phases.unsqueeze(1))
    return 0.05 * (tones / harmonics.unsqueeze(1).sqrt()).sum(dim=0, keepdim=True)


def noises(spec, frames: int) -> torch.Tensor:
    """Two of them, [2, 1, samples]."""
    draw = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(2, 1, frames * spec.hop_length, generator=draw, dtype=torch.float64)


def bands_of(finish: KeepToMel, spec, wave: torch.Tensor) -> torch.Tensor:
    mel = MelSpectrogram(spec).double()(wave)[..., : wave.shape[1] // spec.hop_length]
    return finish.constraint.bands(mel).mT.double()


def distance(spec, finish: KeepToMel, bands: torch.Tensor, wave: torch.Tensor) -> float:
    """In log magnitude below 850 Hz, edges apart, and apart from the lowest bands of a mel that begins above zero."""
    magnitudes = finish.stft(wave).abs()
    found = torch.einsum("bkt,mk->btm", magnitudes**finish.constraint.power, finish.constraint.filters)
    centres = finish.constraint.filters.argmax(dim=1) * spec.sample_rate / finish.stft.n_fft
    low = (centres > (spec.f_min + 220 if spec.f_min else 100)) & (centres < 850)
    off = (found.clamp_min(1e-9).log() - bands.clamp_min(1e-9).log())[:, 8:-8, low]
    return off.abs().mean().item()


@pytest.mark.parametrize("name", SPECS)
def test_more_iterations_come_nearer_to_the_mel(name):
    spec = SPECS[name]
    wave, other = noises(spec, 40)
    few, many = low_band(spec, 2), low_band(spec, 24)
    bands = bands_of(few[1], spec, wave)
    said = (other, few[0](other, bands), many[0](other, bands))
    before, soon, late = (distance(spec, few[1], bands, x) for x in said)
    assert soon < 0.8 * before
    assert late < 0.7 * soon


@pytest.mark.parametrize("name", ["hifigan_22k", "cosyvoice2_24k"])
def test_the_last_iterations_settle_what_momentum_has_stirred(name, monkeypatch):
    """With momentum to the end it is further from the mel."""
    spec = SPECS[name]
    low, finish = low_band(spec, 64)
    wave, other = noises(spec, 40)
    bands = bands_of(finish, spec, wave)
    settled = low(other, bands)
    monkeypatch.setattr(low_band_module, "SETTLING", 0)
    stirred = low(other, bands)
    assert distance(spec, finish, bands, settled) < 0.97 * distance(spec, finish, bands, stirred)


def test_one_iteration_is_the_scaling_below_one_kilohertz():
    low, finish = low_band(HIFIGAN, 1)
    mel = MelSpectrogram(HIFIGAN).double()(voice(HIFIGAN, 60))[..., :60]
    wave = voice(HIFIGAN, 60, seed=1)
    scaled, found = finish.scaled(wave, mel), low(wave, finish.constraint.bands(mel).mT)
    inner = slice(8 * 256, -8 * 256)
    spectra = [torch.fft.rfft(x[0, inner] * torch.hann_window(44 * 256).double()) for x in (wave, scaled, found)]
    hertz = torch.arange(len(spectra[0])) * 22050 / (44 * 256)
    passed = hertz < 850
    change = (spectra[1] - spectra[0])[passed].norm()
    assert (spectra[2] - spectra[1])[passed].norm() < 0.1 * change


@pytest.mark.parametrize("name", SPECS)
def test_what_lies_above_stays(name):
    spec = SPECS[name]
    low, finish = low_band(spec)
    wave = voice(spec, 50)
    change = low(wave, bands_of(finish, spec, voice(spec, 50, seed=1))) - wave
    spectrum = torch.fft.rfft(change[0] * torch.hann_window(change.shape[1]).double()).abs()
    above = torch.arange(len(spectrum)) * spec.sample_rate / change.shape[1] > 1700
    assert spectrum[above].max() < 1e-3 * spectrum.max()


def test_little_changes_where_a_mel_begins():
    """Half of a harmonic there is not in the mel, and by the other half its level drifts."""
    spec = SPECS["espnet_24k"]
    low, finish = low_band(spec)
    wave, other = noises(spec, 60)
    change = (low(other, bands_of(finish, spec, wave)) - other)[0]
    power, hertz = torch.fft.rfft(change).abs().square(), torch.arange(len(change) // 2 + 1) * 24000 / len(change)

    def between(lowest: float, highest: float) -> float:
        return power[(hertz >= lowest) & (hertz < highest)].mean().sqrt().item()

    assert between(60, 80) < 0.1 * between(300, 850)
    assert between(60, 100) < 0.3 * between(300, 850)
    assert between(100, 150) < 0.6 * between(300, 850)


def test_a_mel_that_begins_below_all_harmonics_is_kept_to_soon():
    """One that begins at 80 Hz is kept to in full from 280 Hz on, one that begins at 30 from 60."""
    early, late = (replace(HIFIGAN, f_min=x) for x in (30.0, 80.0))
    hertz = torch.arange(low_band(early)[0].fraction.shape[0]) * HIFIGAN.sample_rate / HIFIGAN.n_fft
    for spec, whole in ((early, 60), (late, 280)):
        fraction = low_band(spec)[0].fraction
        assert bool((fraction[(hertz >= whole) & (hertz < 900)] == 1).all())
        assert bool((fraction[hertz < whole - 1] < 1).all())


@pytest.mark.parametrize("name", ["hifigan_22k", "espnet_24k"])
def test_a_sample_sees_as_far_as_is_said(name):
    spec = SPECS[name]
    low, finish = low_band(spec, 2)
    frames = 2 * -(-low.reach // spec.hop_length) + 9
    hop, here = spec.hop_length, frames // 2
    wave = voice(spec, frames).requires_grad_()
    bands = bands_of(finish, spec, voice(spec, frames, seed=1)).requires_grad_()
    for frame in range(here, here + low.block, 3):
        inner = low(wave, bands)[0, frame * hop : (frame + 1) * hop]
        by_wave, by_bands = torch.autograd.grad(inner.sum(), (wave, bands))
        seen = by_wave[0].nonzero().squeeze(1)
        assert seen.min() >= frame * hop - low.reach
        assert seen.max() < (frame + 1) * hop + low.reach
        frames_seen = by_bands[0].abs().amax(dim=1).nonzero().squeeze(1) * hop
        assert frames_seen.min() > frame * hop - low.reach - hop
        assert frames_seen.max() < (frame + 1) * hop + low.reach


@pytest.mark.parametrize("name", ["center", "espnet_24k", "cosyvoice2_24k"])
def test_pieces_that_begin_anywhere_are_parts_of_the_whole(name):
    """Each of them as a row of one batch, too."""
    spec = SPECS[name]
    low, finish = low_band(spec, 3)
    around = -(-low.reach // spec.hop_length)
    frames, hop = 2 * around + 40, spec.hop_length
    wave, bands = voice(spec, frames), bands_of(finish, spec, voice(spec, frames, seed=1))
    whole, length = low(wave, bands), 2 * around + 20
    starts = [0, 3, 20]
    cut = [(wave[:, x * hop : (x + length) * hop], bands[:, x : x + length]) for x in starts]
    together = low(torch.cat([x for x, _ in cut]), torch.cat([x for _, x in cut]), starts)
    for start, (piece, its_bands), row in zip(starts, cut, together, strict=True):
        first, last = around if start else 0, length - around
        expected = whole[0, (start + first) * hop : (start + last) * hop]
        assert_close(row[first * hop : last * hop], expected, rtol=0, atol=1e-9)
        assert_close(low(piece, its_bands, start)[0, first * hop : last * hop], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("frames", [1, 7])
@pytest.mark.parametrize("name", [*SPECS, "speecht5_16k", "rvc_40k"])
def test_short_mels(name, frames):
    spec = SPECS.get(name) or convention(name)
    low, _ = low_band(spec, 3)
    wave, nothing = voice(spec, frames), torch.zeros(1, frames, spec.n_mels, dtype=torch.float64)
    for bands in (torch.rand_like(nothing), nothing):
        found = low(wave, bands)
        assert found.shape == wave.shape
        assert found.isfinite().all()
    assert_close(low(torch.zeros_like(wave), nothing), torch.zeros_like(wave), rtol=0, atol=1e-9)


def test_a_share_of_the_way_lies_between():
    """The result is the mean of the start and of the whole way, scaled once."""
    whole, finish = low_band(HIFIGAN, 6)
    half, once = (LowBand(HIFIGAN, finish.stft, finish.constraint, n, x).double() for n, x in ((6, 0.5), (1, 1.0)))
    wave, bands = voice(HIFIGAN, 30), bands_of(finish, HIFIGAN, voice(HIFIGAN, 30, seed=1))
    far, near = (x(wave, bands) - wave for x in (whole, half))
    assert 0 < near.norm() < 0.9 * far.norm()
    inner = slice(10 * 256, 20 * 256)
    expected = once(wave + far / 2, bands)[:, inner]
    assert (half(wave, bands)[:, inner] - expected).norm() < 0.1 * far[:, inner].norm()


@pytest.mark.parametrize(("settings", "said"), [({"iterations": -1}, "iterations=-1"), ({"share": 0.0}, "share=0.0")])
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        KeepToMel(mel=HIFIGAN, **settings)
