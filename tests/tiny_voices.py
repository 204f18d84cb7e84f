"""Vocoders with random weights, small enough to be run hundreds of times, and mels for them."""

import torch

from audiodiff import Vocoder
from audiodiff.bundle.format import Bundle
from audiodiff.diffusion import Denoiser, StraightPath, X0Prediction, ddim, uniform
from audiodiff.mel import convention
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave, MagnitudeNetwork, Whitening
from audiodiff.priors import Isotropic, MelInversion, SpectralEnvelope
from tests.trees import source_filter_model

HIFIGAN = convention("hifigan_22k")


def diffwave() -> Vocoder:
    """A waveform-rate network on white noise."""
    torch.manual_seed(0)
    network = DiffWave(n_mels=80, hop_length=256, channels=2, layers=3, dilation_cycle=3)
    torch.nn.init.normal_(network.output.weight, std=0.1)
    return vocoder_of(network, Isotropic())


def whitened() -> Vocoder:
    """A waveform-rate network on the scale of the mel's envelope, on noise of that shape.

    The mels here jump by 60 dB, which a whitening that reached as low would turn into samples of many thousands.
    """
    torch.manual_seed(0)
    white = Whitening(mel=HIFIGAN, quietest=0.01)
    network = DiffWave(n_mels=80, hop_length=256, channels=2, layers=3, dilation_cycle=3, whitening=white)
    torch.nn.init.normal_(network.output.weight, std=0.1)
    return vocoder_of(network, SpectralEnvelope(mel=HIFIGAN))


def inversion() -> Vocoder:
    """A waveform-rate network that sees the mean of an inversion prior."""
    torch.manual_seed(0)
    magnitudes = MagnitudeNetwork(mel=HIFIGAN, channels=8, layers=3, dilation_cycle=2)
    network = DiffWave(n_mels=80, hop_length=256, channels=2, layers=3, dilation_cycle=3, sees_mean=True)
    torch.nn.init.normal_(magnitudes.stack.output.weight, std=0.05)
    torch.nn.init.normal_(network.output.weight, std=0.05)
    return vocoder_of(network, MelInversion(mel=HIFIGAN, magnitudes=magnitudes, iterations=4))


def source_filter() -> Vocoder:
    """Gains over frames and bins on pulses through a filter; voiced most of the time, at f0 that jump."""
    model = source_filter_model()
    return vocoder_of(model.denoiser.network, model.prior, model.finish)


def vocoder_of(network: torch.nn.Module, prior: torch.nn.Module, finish: torch.nn.Module | None = None) -> Vocoder:
    """A vocoder that takes three steps of ddim."""
    denoiser = Denoiser(network=network, schedule=StraightPath(), prediction=X0Prediction())
    model = DiffusionModel(mel=HIFIGAN, denoiser=denoiser, prior=prior, finish=finish).eval()
    return Vocoder(Bundle("tiny", model, ddim, lambda schedule: uniform(schedule, 3)))


VOICES = {
    "diffwave": diffwave,
    "whitened": whitened,
    "inversion": inversion,
    "source_filter": source_filter,
}


def mel_of(frames: int, seed: int = 0) -> torch.Tensor:
    """Noise with bursts as loud as speech and silences between, [80, frames]."""
    generator = torch.Generator().manual_seed(seed)
    loudness = torch.randn(frames, generator=generator).cumsum(0).sin() * 3
    return (torch.randn(80, frames, generator=generator) + loudness - 5).clamp(-11.5, 1)
