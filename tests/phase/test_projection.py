"""Griffin-Lim guidance: an untrained walk is pulled to the magnitudes that it is told."""

import torch
from torch.testing import assert_close

from audiodiff.audio.stft import Stft
from audiodiff.diffusion import StraightPath, ddim, projection, uniform, within
from audiodiff.mel import MelSpec
from audiodiff.phase.projection import MagnitudeProjection

SPEC = MelSpec(sample_rate=16000, n_fft=256, win_length=256, hop_length=64, n_mels=20, framing="same")


def chirp():
    n = torch.arange(64 * 40)
    return (0.3 * torch.sin(0.05 * n + 2e-4 * n**2) * torch.sin(0.004 * n)).unsqueeze(0)


def spectral_distance(stft, wave):
    truth = stft(chirp()).abs()
    return ((stft(wave).abs() - truth).norm() / truth.norm()).item()


def test_right_waveform_stays_as_it_is():
    stft = Stft(SPEC)
    project = MagnitudeProjection(stft(chirp()).abs(), stft)
    assert_close(project(chirp()), chirp(), rtol=0, atol=1e-3)


def test_walk_without_knowledge_is_led_to_the_magnitudes():
    """The denoiser knows only how loud the data is; what the magnitudes tell comes from the projection."""
    stft, schedule = Stft(SPEC), StraightPath()
    noise = torch.randn(1, chirp().shape[1], generator=torch.Generator().manual_seed(0))

    def denoise(x_t, t):
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        return 0.04 * alpha / (0.04 * alpha**2 + sigma**2) * x_t

    guided = projection(denoise, MagnitudeProjection(stft(chirp()).abs(), stft, iterations=8))
    early = within(guided, denoise, low=0.4)
    distances = []
    for choice in (denoise, early, guided):
        *_, wave = ddim(choice, schedule, noise, uniform(schedule, 6), torch.randn_like)
        distances.append(spectral_distance(stft, wave))
    assert distances[0] > 0.9
    assert distances[1] < distances[0]
    assert distances[2] < 0.3
