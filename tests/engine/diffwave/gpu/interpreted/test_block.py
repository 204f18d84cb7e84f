"""The kernel computes what a `ResidualBlock` computes, for every item within its length."""

from math import sqrt

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from audiodiff.engine.diffwave.gpu.fused_weights import BlockBuffers, FusedWeights, filled
from audiodiff.engine.diffwave.gpu.launch import add_block
from audiodiff.networks import DiffWave
from tests.engine.diffwave.networks import network

FRESH = 7.0
"""What the memory for the result holds before."""


def one_block(channels: int, dilation: int, n_mels: int | None) -> DiffWave:
    """A network of one block of that dilation."""
    made = network("plain", channels=channels, layers=1, n_mels=n_mels)
    made.blocks[0].dilated.dilation = made.blocks[0].dilated.padding = (dilation,)
    return made


def signals(lengths: list[int], channels: int, n_mels: int | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """x [batch, samples, channels], steps [batch, 512] and mels [batch, samples, n_mels], NaN beyond the lengths."""
    generator = torch.Generator().manual_seed(sum(lengths))
    x = torch.randn(len(lengths), max(lengths), channels, generator=generator)
    step = torch.randn(len(lengths), 512, generator=generator)
    mel = torch.randn(len(lengths), max(lengths), n_mels, generator=generator) if n_mels else None
    for item, length in enumerate(lengths):
        for signal in (x, *([] if mel is None else [mel])):
            signal[item, length:] = torch.nan
    return x, step, mel


def by_kernel(plain: DiffWave, dtype: torch.dtype, lengths: list[int], x: Tensor, step: Tensor, mel: Tensor | None):
    """x and skip as the block leaves them, [batch, samples, channels]; `FRESH` beyond the lengths."""
    weights = FusedWeights.of(plain, dtype)
    state = BlockBuffers(len(x), x.shape[1], x.shape[2], x.device)
    state.x.copy_(x)
    state.next.fill_(FRESH)
    shown = (
        torch.empty(*x.shape[:2], 0, dtype=dtype) if mel is None else torch.stack([filled(m.T, dtype).T for m in mel])
    )
    shift = weights.packed.blocks[0].shift(plain.blocks[0].step(step))
    add_block(weights.blocks[0], state, shown.contiguous(), torch.tensor(lengths, dtype=torch.int32), shift)
    return state.x, state.total


def check(plain: DiffWave, lengths: list[int], n_mels: int | None) -> None:
    x, step, mel = signals(lengths, plain.input.out_channels, n_mels)
    made, total = by_kernel(plain, torch.float32, lengths, x, step, mel)
    bias, skip_bias = plain.blocks[0].output.bias.chunk(2)
    for item, length in enumerate(lengths):
        assert (made[item, length:] == FRESH).all()
        assert (total[item, length:] == 0).all()
        if not length:
            continue
        alone = None if mel is None else mel[item : item + 1, :length].mT
        expected, skip = plain.blocks[0](x[item : item + 1, :length].mT, step[item : item + 1], alone)
        assert_close((made[item, :length] + bias) / sqrt(2), expected[0].T, rtol=1e-5, atol=1e-5)
        assert_close(total[item, :length] + skip_bias, skip[0].T, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("channels", "n_mels"), [(16, None), (16, 7), (32, 80), (64, None), (64, 80)])
@torch.no_grad()
def test_same_block_with_the_tiles_of_a_gpu(channels, n_mels):
    """Whole programs and a part of one for the first item, at most one sample for the others."""
    check(one_block(channels, 4, n_mels), [67, 1, 0] if channels < 64 else [35, 0], n_mels)


@pytest.mark.parametrize("dilation", [2**layer for layer in range(10)])
@torch.no_grad()
def test_all_dilations_of_a_cycle(dilation, wide_tiles):
    """513 samples are more than the widest tap reaches, and one more than a program has."""
    check(one_block(16, dilation, 7), [513, 38], 7)


def cut(x: Tensor) -> Tensor:
    """Without the bits that bfloat16 has not: so the interpreter rounds, a GPU rounds to the nearest."""
    return (x.view(torch.int32) & -65536).view(torch.float32)


@pytest.mark.parametrize("channels", [16, 64])
@torch.no_grad()
def test_bfloat16_rounds_factors_and_nothing_else(channels):
    """Beside the same block with the same rounded factors: what differs are factors at the edge of two roundings."""
    plain, lengths = one_block(channels, 3, 7), [51]
    x, step, mel = signals(lengths, channels, 7)
    made, total = by_kernel(plain, torch.bfloat16, lengths, x, step, mel)
    exact = by_kernel(plain, torch.float32, lengths, x, step, mel)
    block = FusedWeights.of(plain, torch.bfloat16).blocks[0]
    seen = torch.nn.functional.pad(cut(x[0] + plain.blocks[0].step(step)), (0, 0, 3, 3))
    halves = sum(seen[3 * tap :][:51] @ block.taps[tap].float() for tap in range(3))
    halves = halves + mel[0].bfloat16().float() @ block.conditioner[:7].float() + block.bias
    gate, value = halves.sigmoid().chunk(2, dim=1)
    expected = cut((gate - 2 * gate * value).contiguous()) @ block.output.float()
    ours = torch.cat([made[0] - x[0], total[0]], dim=1)
    theirs = torch.cat([exact[0][0] - x[0], exact[1][0]], dim=1)
    assert (ours - expected).norm() < 5e-4 * expected.norm()
    assert 1e-3 < (ours - theirs).norm() / theirs.norm() < 1.5e-2
