"""The names of precisions, and what they mean for products, for the state of a network and for a training."""

import pytest
import torch

from audiodiff.conditioning import Conditioning
from audiodiff.engine import precision
from audiodiff.engine.precision import autocast, float32_products
from audiodiff.experiment import trainer_precision
from audiodiff.experiment.config import compose_config
from audiodiff.experiment.trainer_precision import lightning_precision
from audiodiff.networks import DiffWave

GPU, CPU = torch.device("cuda"), torch.device("cpu")


def switches() -> tuple[bool, bool]:
    return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize(("name", "device", "inside"), [("tf32", GPU, True), ("fp32", GPU, False), ("tf32", CPU, None)])
def test_float32_has_the_factors_that_its_name_says(name, device, inside):
    """Convolutions and matrix products of a GPU, and only as long as it is asked for."""
    before = switches()
    assert before[0] != before[1], "torch's own: convolutions in TF32, matrix products not"
    with float32_products(device, name):
        assert switches() == (before if inside is None else (inside, inside))
    assert switches() == before


def test_state_and_sum_of_skips_stay_in_float32_under_autocast():
    """Only products have factors in bfloat16."""
    network = DiffWave(n_mels=80, hop_length=256, channels=4, layers=3, dilation_cycle=3)
    states, sums, products = [], [], []
    for block in network.blocks:
        block.register_forward_pre_hook(lambda _, given: states.append(given[0].dtype))
        block.dilated.register_forward_hook(lambda _, given, made: products.append(made.dtype))
    network.skip.register_forward_pre_hook(lambda _, given: sums.append(given[0].dtype))
    with autocast("bf16", CPU):
        network(torch.randn(1, 1024), torch.tensor([0.5]), Conditioning(mel=torch.randn(1, 80, 4)))
    assert states + sums == [torch.float32] * 4
    assert products == [torch.bfloat16] * 3


def test_a_training_may_be_given_the_same_names(monkeypatch):
    monkeypatch.setattr(trainer_precision, "multiplies_bfloat16", lambda device: True)
    assert lightning_precision("auto", GPU) == "bf16-mixed"
    assert lightning_precision("auto", CPU) == "32-true"
    assert lightning_precision("tf32", GPU) == "32-true"
    assert lightning_precision("16-mixed", GPU) == "16-mixed"
    monkeypatch.setattr(trainer_precision, "multiplies_bfloat16", lambda device: False)
    assert lightning_precision("auto", GPU) == "32-true"
    assert compose_config("train", ["experiment=ljspeech_diffwave"]).trainer.precision == "auto"


def test_auto_is_bfloat16_where_there_are_instructions(monkeypatch):
    monkeypatch.setattr(precision, "capabilities", lambda: {"amx_bf16": True})
    with autocast("auto", CPU):
        assert torch.is_autocast_enabled("cpu")
    monkeypatch.setattr(precision, "capabilities", dict)
    with autocast("auto", CPU):
        assert not torch.is_autocast_enabled("cpu")
