"""Noise is a function of seed, draw and sample."""

import torch
from torch.testing import assert_close

from audiodiff.noise import NOISE_BLOCK, SampleNoise, _blocks


def test_a_longer_run_begins_with_the_shorter_one():
    short, long = SampleNoise([3])(torch.empty(1, 1000)), SampleNoise([3])(torch.empty(1, 3 * NOISE_BLOCK + 7))
    assert_close(long[:, :1000], short, rtol=0, atol=0)


def test_an_item_does_not_depend_on_its_neighbours():
    batch = SampleNoise([5, 6, 7])(torch.empty(3, 20_000))
    assert_close(batch[1:2], SampleNoise([6])(torch.empty(1, 20_000)), rtol=0, atol=0)


def test_threads_draw_the_same():
    """As for a GPU, whose noise waits for nobody; also where tensors of inference are made."""
    alone = SampleNoise([5, 6]).at(3, 0, 3 * NOISE_BLOCK)
    with torch.inference_mode():
        together = _blocks([5, 6], 3, 0, 3 * NOISE_BLOCK, threads=3)
    assert_close(together.flatten(1), alone, rtol=0, atol=0)


def test_draws_differ_and_repeat():
    first, second = SampleNoise([1]), SampleNoise([1])
    a, b = first(torch.empty(1, 4096)), first(torch.empty(1, 4096))
    assert (a - b).abs().mean() > 0.5
    assert_close(torch.stack([a, b]), torch.stack([second(a), second(a)]), rtol=0, atol=0)


def test_it_is_standard_normal_and_white():
    x = SampleNoise([0])(torch.empty(1, 20 * NOISE_BLOCK))[0]
    assert abs(x.mean().item()) < 0.01
    assert abs(x.std().item() - 1) < 0.01
    for lag in (1, NOISE_BLOCK):
        assert abs((x[:-lag] * x[lag:]).mean().item()) < 0.01
