"""The average of the weights follows them from the first step on."""

import pytest
from torch import nn
from torch.optim.swa_utils import AveragedModel

from audiodiff.errors import ConfigError
from audiodiff.training.average import WeightAverage


def averaged_over(steps: int, decay: float) -> float:
    """The average of one weight that is 0 at the start and 1 from the first step on."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    average = WeightAverage(decay=decay)
    average._average_model = AveragedModel(module, use_buffers=False)
    nn.init.ones_(module.weight)
    for step in range(1, steps + 1):
        average.follow(module, step)
    return average._average_model.module.weight.item()


def test_a_short_run_ships_trained_weights():
    """A flat decay of .999 would leave 91 % of the first weights after 97 steps."""
    assert averaged_over(97, 0.999) > 0.9999


def test_the_decay_rises_to_its_value():
    average = WeightAverage(decay=0.999)
    decays = [average.decay_at(step) for step in (1, 10, 100, 1_000, 100_000)]
    assert decays == sorted(decays)
    assert decays[-1] == 0.999
    assert decays[0] < 0.2


@pytest.mark.parametrize("decay", [-0.1, 1.0, 2.0])
def test_decays_that_average_nothing_are_refused(decay):
    with pytest.raises(ConfigError, match="decay="):
        WeightAverage(decay=decay)
