"""The STFT, its inverse, the mel's envelope and Griffin-Lim."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.audio.stft import Stft
from audiodiff.errors import ConfigError
from audiodiff.mel import CONVENTIONS, MelSpec, MelSpectrogram
from audiodiff.mel.envelope import MelEnvelope
from audiodiff.phase.griffin_lim import griffin_lim

SPECS = {
    "same": MelSpec(sample_rate=22050, n_fft=1024, win_length=1024, hop_length=256, n_mels=80, framing="same"),
    "center": MelSpec(sample_rate=22050, n_fft=1024, win_length=1024, hop_length=256, n_mels=80),
    "odd hop": MelSpec(sample_rate=24000, n_fft=2048, win_length=1200, hop_length=300, n_mels=80),
    "half overlap": MelSpec(sample_rate=16000, n_fft=512, win_length=512, hop_length=256, n_mels=40),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
@pytest.mark.parametrize("frames", [1, 2, 7, 50])
def test_inverse_undoes_the_transform(spec, frames):
    stft = Stft(spec)
    wave = torch.randn(2, frames * spec.hop_length)
    spectrum = stft(wave)
    assert spectrum.shape == (2, stft.bins, frames)
    inside = slice(spec.n_fft, -spec.n_fft) if spec.framing == "center" else slice(None)
    assert_close(stft.inverse(spectrum)[:, inside], wave[:, inside], rtol=0, atol=2e-5)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_frames_lie_where_the_mel_s_frames_lie(spec):
    wave = torch.zeros(1, 60 * spec.hop_length)
    wave[0, 30 * spec.hop_length + 11] = 1
    ours = Stft(spec)(wave).abs().sum(1)[0]
    front_end = MelSpectrogram(spec)
    theirs = front_end.stft(wave).abs().sum(1)[0, :60]
    assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_noise_magnitude_is_that_of_white_noise():
    stft = Stft(SPECS["same"])
    measured = stft(torch.randn(1, 256 * 2000)).abs().square().mean().sqrt().item()
    assert measured == pytest.approx(stft.noise_magnitude, rel=0.02)


def test_too_little_overlap_is_refused():
    with pytest.raises(ConfigError, match="overlap"):
        Stft(MelSpec(sample_rate=16000, n_fft=512, win_length=512, hop_length=300, n_mels=40))


@pytest.mark.parametrize("name", sorted(CONVENTIONS))
def test_envelope_follows_the_level_of_noise(name, clip):
    """White noise of any loudness has a flat envelope at the STFT's own magnitude, in every convention."""
    spec = CONVENTIONS[name]
    if spec.silence is not None or spec.hop_length > spec.win_length // 2:
        pytest.skip("this convention has no invertible silence or too little overlap for an STFT")
    noise = 0.1 * torch.randn(1, spec.hop_length * 400)
    mel = MelSpectrogram(spec)(noise)[..., 2:-2]
    envelope = MelEnvelope(spec)(mel)
    expected = 0.1 * Stft(spec).noise_magnitude
    lowest, highest = int(envelope.shape[1] * 0.2), int(envelope.shape[1] * 0.3)
    measured = envelope[:, lowest:highest].square().mean().sqrt().item()
    assert measured == pytest.approx(expected, rel=0.15)
    assert (envelope > 0).all()


def test_griffin_lim_finds_the_magnitudes(clip):
    stft = Stft(SPECS["same"])
    wave = clip[: 100 * 256].unsqueeze(0)
    magnitudes = stft(wave).abs()
    phases = torch.polar(torch.ones_like(magnitudes), 6.28 * torch.rand_like(magnitudes))

    def error(iterations: int) -> float:
        found = stft(griffin_lim(magnitudes, phases, stft, iterations)).abs()
        return ((found - magnitudes).norm() / magnitudes.norm()).item()

    errors = [error(n) for n in (0, 4, 32)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.1
