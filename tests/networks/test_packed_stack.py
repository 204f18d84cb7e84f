"""Weights that were packed for inference follow those that they were made of."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.networks.gated import GatedStack
from audiodiff.networks.packed_stack import Packing


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_change_of_the_weights_is_seen(mode):
    """Also one of inference tensors, which keep no count of their changes."""
    with mode():
        stack = GatedStack(inputs=3, outputs=2, channels=4, layers=2, dilation_cycle=2)
        packing = Packing()
        before = packing.of(stack).input.weight.clone()
        stack.input.weight.mul_(2)
        assert_close(packing.of(stack).input.weight, 2 * before)
