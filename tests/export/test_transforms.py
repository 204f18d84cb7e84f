"""Transforms and modules without complex numbers are those with them."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from audiodiff.audio.stft import Stft
from audiodiff.conditioning import Conditioning
from audiodiff.export.real_gains import RealSpectralGainNetwork
from audiodiff.export.transforms import ConvolutionStft, best_columns
from audiodiff.mel import convention
from tests.trees import source_filter_model

MEL = convention("hifigan_22k")
SPECS = {
    "same": MEL,
    "center": replace(MEL, framing="center"),
    "short window, hop 300": replace(MEL, n_fft=2048, win_length=1200, hop_length=300),
    "odd hop": replace(MEL, hop_length=441, framing="center"),
    "not a power of two": replace(MEL, n_fft=1920, win_length=1920, hop_length=480),
}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_convolutions_are_the_transform(name, frames):
    plain = Stft(SPECS[name])
    convolution = ConvolutionStft(plain)
    wave = torch.randn(2, frames * plain.hop_length, generator=torch.Generator().manual_seed(0))
    spectrum, folded = plain(wave), convolution(wave)
    pair = convolution.usual(folded)
    assert_close(pair, torch.cat([spectrum.real, spectrum.imag], dim=1), rtol=0, atol=1e-4)
    assert_close(convolution.folded(pair), folded, rtol=0, atol=1e-4)
    gain = torch.rand(spectrum.shape)
    shaped = convolution.inverse(
        folded * convolution.spread(gain), convolution.window_sum(torch.ones_like(folded[:1, :1]))
    )
    assert_close(shaped, plain.inverse(spectrum * gain), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("n_fft", "hop"), [(1024, 256), (2048, 300), (1024, 441), (512, 128), (1920, 480)])
def test_columns_divide_the_hop(n_fft, hop):
    columns = best_columns(n_fft, hop)
    assert n_fft % columns == hop % columns == 0


@pytest.mark.parametrize("frames", [1, 30])
def test_the_network_s_twin(frames):
    model = source_filter_model()
    network = model.denoiser.network
    generator = torch.Generator().manual_seed(0)
    x_t, mean = 0.01 * torch.randn(2, 2, frames * 256, generator=generator)
    t, mel = torch.tensor([0.2, 0.9]), torch.randn(2, 80, frames, generator=generator) - 5
    with torch.no_grad():
        cond = Conditioning(mel=mel, mean=mean, scale=model.prior.scale(mel))
        assert_close(RealSpectralGainNetwork(network)(x_t, t, cond), network(x_t, t, cond), rtol=1e-4, atol=1e-6)
