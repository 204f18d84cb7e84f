"""Laws that hold for every prior."""

import math

import pytest
import torch
from torch.testing import assert_close

from audiodiff.errors import ConfigError
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.networks import MagnitudeNetwork
from audiodiff.priors import Isotropic, MelInversion, SpectralEnvelope

MEL = convention("hifigan_22k")
PRIORS = {
    "isotropic": Isotropic,
    "mel_envelope": lambda: SpectralEnvelope(mel=MEL),
    "mel_inversion": lambda: MelInversion(
        mel=MEL, magnitudes=MagnitudeNetwork(mel=MEL, channels=8, layers=1), iterations=8
    ),
}


@pytest.fixture
def mel(clip):
    return MelSpectrogram(MEL)(clip[: 256 * 80].unsqueeze(0))


@pytest.mark.parametrize("name", PRIORS)
def test_decode_inverts_encode(name, mel):
    prior = PRIORS[name]()
    cond = prior.condition(mel)
    x = torch.randn(1, 256 * 80)
    assert_close(prior.decode(prior.encode(x, cond), cond), x)


@pytest.mark.parametrize("name", PRIORS)
def test_shaping_is_linear(name, mel):
    prior = PRIORS[name]()
    cond = prior.condition(mel)
    a, b = torch.randn(2, 1, 256 * 80)
    together = prior.shape(a + 2 * b, cond)
    assert_close(together, prior.shape(a, cond) + 2 * prior.shape(b, cond), rtol=1e-4, atol=1e-5)


def test_isotropic_leaves_everything_alone(mel):
    prior = Isotropic()
    x = torch.randn(1, 256 * 80)
    cond = prior.condition(mel)
    assert cond.mean is None
    assert_close(prior.shape(x, cond), x, rtol=0, atol=0)


def test_inversion_s_mean_has_the_mel_that_it_inverts(mel):
    prior = PRIORS["mel_inversion"]()
    cond = prior.condition(mel)
    again = MelSpectrogram(MEL)(cond.mean)
    assert (again - mel).abs().mean() < 0.45
    assert_close(prior.condition(mel).mean, cond.mean, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["mel_inversion", "mel_envelope"])
def test_shaped_noise_has_the_mel_s_envelope(name, mel):
    prior = PRIORS[name]()
    expected = {"mel_inversion": 0.5, "mel_envelope": 1.0}[name]
    cond = prior.condition(mel)
    generator = torch.Generator().manual_seed(0)
    draws = [prior.shape(torch.randn(1, 256 * 80, generator=generator), cond) for _ in range(40)]
    level = torch.stack([prior.stft(draw).abs().square() for draw in draws]).mean(0).sqrt()
    ratio = level / (expected * prior.envelope(mel))
    assert ratio[..., 5:-5].median().item() == pytest.approx(1, abs=0.15)


def test_envelope_noise_sounds_like_the_mel_before_any_diffusion(mel):
    """The log mel of the noise is the mel, but for the chance in single bins; that of louder noise is louder."""
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(1, 256 * 80, generator=generator)
    for level in (1.0, 2.0):
        prior = SpectralEnvelope(mel=MEL, level=level)
        again = MelSpectrogram(MEL)(prior.shape(white, prior.condition(mel)))
        assert (again - mel)[..., 5:-5].mean().item() == pytest.approx(math.log(level), abs=0.25)
    with pytest.raises(ConfigError, match="above 0"):
        SpectralEnvelope(mel=MEL, level=0.0)


def test_envelope_noise_depends_on_no_frame_beyond_its_radius(mel):
    prior = SpectralEnvelope(mel=MEL)
    white = torch.randn(1, 256 * 80)
    changed = mel.clone()
    changed[..., 40] += 3
    moved = (prior.shape(white, prior.condition(changed)) - prior.shape(white, prior.condition(mel))).abs()[0] > 1e-6
    frames = moved.nonzero().squeeze(1) // 256
    assert moved.any()
    assert frames.min() >= 40 - math.ceil(prior.radius / 256)
    assert frames.max() <= 40 + math.ceil(prior.radius / 256)
