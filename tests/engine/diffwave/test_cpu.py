"""The engine computes what the network computes."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.engine import FastDiffWave
from audiodiff.engine.diffwave import tile_pass
from audiodiff.networks import DiffWave
from tests.engine.diffwave.networks import KINDS, T, inputs, network


@pytest.mark.parametrize("tile", [1, 13, 64, 2048])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", [1, 2, 3, 17])
@torch.no_grad()
def test_same_function(kind, frames, tile, monkeypatch):
    """Whatever is longer or shorter: the tile, the signal, the look-ahead of a block or of all (31 samples here)."""
    monkeypatch.setattr(tile_pass, "TILE", tile)
    plain = network(kind)
    x_t, cond = inputs(frames, told=kind == "told")
    expected = plain(x_t, T, cond)
    assert expected.std() > 1e-2
    loud = expected.abs().max().clamp_min(1)  # whitening spreads the rounding of a mel's loudest frames over the others
    assert_close(FastDiffWave(plain)(x_t, T, cond) / loud, expected / loud, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_same_function_in_double_precision(kind):
    """What is left of the difference in float32 is rounding."""
    plain = network(kind).double()
    x_t, cond = inputs(5, told=kind == "told")
    x_t, cond = x_t.double(), cond.to(dtype=torch.float64)
    assert_close(FastDiffWave(plain)(x_t, T.double(), cond), plain(x_t, T.double(), cond), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@torch.inference_mode()
def test_bfloat16_is_no_worse_than_autocast(kind):
    """The engine rounds factors and not sums, so it errs less than the network's own bfloat16."""
    plain = network(kind)
    x_t, cond = inputs(9, told=kind == "told")
    exact = plain(x_t, T, cond)
    with torch.autocast("cpu", torch.bfloat16):
        theirs, ours = plain(x_t, T, cond).float(), FastDiffWave(plain)(x_t, T, cond)
    error, usual = (ours - exact).norm() / exact.norm(), (theirs - exact).norm() / exact.norm()
    assert ours.dtype == torch.float32
    assert 1e-4 < error < 2e-2
    assert error < 1.2 * usual


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_changed_weights_are_seen(mode):
    with mode():
        plain = network("plain")
        check_that_changes_are_seen(plain, FastDiffWave(plain))


def check_that_changes_are_seen(plain: DiffWave, fast: FastDiffWave) -> None:
    x_t, cond = inputs(4)
    before = fast(x_t, T, cond)
    for parameter in plain.parameters():
        parameter.mul_(0.9)
    assert_close(fast(x_t, T, cond), plain(x_t, T, cond), rtol=1e-5, atol=2e-6)
    assert (fast(x_t, T, cond) - before).norm() > 0.1 * before.norm()


def test_gradients_come_from_the_network():
    plain = network("plain").requires_grad_(True)
    x_t, cond = inputs(4)
    FastDiffWave(plain)(x_t, T, cond).square().sum().backward()
    assert all(parameter.grad is not None for parameter in plain.blocks[0].parameters())


@torch.no_grad()
def test_a_waveform_too_short_to_be_reflected_is_refused_as_ever():
    plain = network("reflected", dilation_cycle=6, layers=6)  # 32 samples, and a frame has 30
    x_t, cond = inputs(1)
    with pytest.raises(RuntimeError, match="Padding size"):
        FastDiffWave(plain)(x_t, T, cond)


@torch.inference_mode()
def test_half_precision_is_the_networks_own():
    plain = network("plain")
    x_t, cond = inputs(4)
    with torch.autocast("cpu", torch.float16):
        assert_close(FastDiffWave(plain)(x_t, T, cond), plain(x_t, T, cond), rtol=0, atol=0)
