"""The whole network in fused blocks."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.conditioning import Conditioning
from audiodiff.engine.diffwave.gpu import FusedDiffWave
from audiodiff.engine.diffwave.support import supports
from tests.engine.diffwave.networks import KINDS, T, inputs, network

COVERED = [kind for kind in KINDS if supports(network(kind, channels=16), "triton") is None]


@pytest.mark.parametrize("kind", COVERED)
@torch.no_grad()
def test_same_function(kind, wide_tiles):
    plain = network(kind, channels=16, layers=4)
    x_t, cond = inputs(5)
    expected = plain(x_t, T, cond)
    assert expected.std() > 1e-2
    assert_close(FusedDiffWave(plain)(x_t, T, cond), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["plain", "with_mean"])
@torch.inference_mode()
def test_bfloat16_is_no_worse_than_autocast(kind, wide_tiles):
    """Although the interpreter cuts off the bits that autocast rounds."""
    plain = network(kind, channels=32, layers=4)
    x_t, cond = inputs(5)
    exact = plain(x_t, T, cond)
    with torch.autocast("cpu", torch.bfloat16):
        theirs, ours = plain(x_t, T, cond).float(), FusedDiffWave(plain)(x_t, T, cond)
    error, usual = (ours - exact).norm() / exact.norm(), (theirs - exact).norm() / exact.norm()
    assert ours.dtype == torch.float32
    assert 1e-4 < error < 2e-2
    assert error < 1.2 * usual


@torch.inference_mode()
def test_the_mel_is_stretched_once_for_a_bound_network(wide_tiles, monkeypatch):
    plain = network("plain", channels=16, layers=1)
    x_t, cond = inputs(3)
    bound = FusedDiffWave(plain).bound(cond)
    first = bound(x_t, T)
    monkeypatch.setattr(plain.upsampler, "forward", lambda mel: pytest.fail("stretched again"))
    assert_close(bound(x_t, T), first, rtol=0, atol=0)
    assert (bound(x_t, 0.5 * T) - first).abs().max() > 1e-3


@torch.no_grad()
def test_changed_weights_are_seen(wide_tiles):
    plain = network("plain", channels=16, layers=2)
    fused, (x_t, cond) = FusedDiffWave(plain), inputs(2)
    before = fused(x_t, T, cond)
    for parameter in plain.parameters():
        parameter.mul_(0.9)
    assert_close(fused(x_t, T, cond), plain(x_t, T, cond), rtol=1e-5, atol=1e-5)
    assert (fused(x_t, T, cond) - before).norm() > 0.1 * before.norm()


def test_gradients_and_half_precision_are_the_networks_own():
    plain = network("plain", channels=16, layers=2).requires_grad_(True)
    x_t, cond = inputs(2)
    FusedDiffWave(plain)(x_t, T, cond).square().sum().backward()
    assert all(parameter.grad is not None for parameter in plain.blocks[0].parameters())
    with torch.no_grad(), torch.autocast("cpu", torch.float16):
        assert_close(FusedDiffWave(plain)(x_t, T, cond), plain(x_t, T, cond), rtol=0, atol=0)


@torch.no_grad()
def test_a_base_sized_network_with_the_tiles_of_a_gpu():
    """64 channels, 80 bands, and a frame of 30 samples: a program that is not full."""
    plain = network("plain", channels=64, layers=2, n_mels=80)
    generator = torch.Generator().manual_seed(0)
    x_t, mel = torch.randn(1, 30, generator=generator), torch.randn(1, 80, 1, generator=generator)
    cond = Conditioning(mel=mel)
    assert_close(FusedDiffWave(plain)(x_t, T[:1], cond), plain(x_t, T[:1], cond), rtol=1e-5, atol=1e-5)
