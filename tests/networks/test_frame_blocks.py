"""Blocks of frames give the values of the whole."""

import pytest
import torch

from audiodiff.networks import frame_blocks
from audiodiff.networks.frame_blocks import in_blocks
from tests.trees import source_filter_model

BLOCK = frame_blocks.FRAMES_TOGETHER
LENGTHS = (frame_blocks.FEWEST_TOGETHER, 2 * BLOCK, 2 * BLOCK + 1, 3 * BLOCK + 7)


def smoothed(x, y):
    """A mean of five frames: two to either side."""
    taps = torch.full((1, 1, 5), 0.2)
    return torch.nn.functional.conv1d((x + y).unsqueeze(1), taps, padding=2).squeeze(1)


@pytest.mark.parametrize("frames", LENGTHS)
@pytest.mark.parametrize("batch", [1, 3])
def test_values_are_those_of_the_whole(batch, frames):
    x, y = torch.randn(2, batch, frames)
    with torch.no_grad():
        torch.testing.assert_close(in_blocks(smoothed, (x, y), reach=2), smoothed(x, y), rtol=0, atol=1e-6)
        if frames > 2 * BLOCK:  # less than its reach would show at the blocks' edges
            assert not torch.allclose(in_blocks(smoothed, (x, y), reach=1), smoothed(x, y), rtol=0, atol=1e-6)


def test_gradients_are_of_one_block():
    shapes = []
    x = torch.randn(1, 5 * BLOCK, requires_grad=True)
    in_blocks(lambda rows: shapes.append(rows.shape) or rows, [x], reach=2).sum().backward()
    assert shapes == [x.shape]


def test_a_denoiser_reaches_as_far_as_it_says(monkeypatch):
    """Of the shipped kind, with few frames to a block, against all at once."""
    model = source_filter_model()
    network = model.denoiser.network
    torch.nn.init.normal_(network.output.weight, std=0.5)
    mel = torch.rand(1, 80, 300) - 4
    with torch.no_grad():
        cond = model.prior.condition(mel)
        x_t, t = torch.randn(1, 300 * 256), torch.full((1,), 0.7)
        in_one = network(x_t, t, cond)
        monkeypatch.setattr(frame_blocks, "FRAMES_TOGETHER", 32)
        monkeypatch.setattr(frame_blocks, "FEWEST_TOGETHER", 32)
        in_many = network(x_t, t, cond)
    torch.testing.assert_close(in_many, in_one, rtol=0, atol=1e-6 * in_one.abs().max().item() + 1e-7)
