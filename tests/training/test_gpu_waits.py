"""What an objective asks of a GPU, told by one that is pretended: tensors that claim cuda:0 and hold nothing.

`.item()` and everything else that a host would have to wait for raises there, as do mixed devices.
"""

from inspect import signature

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim.swa_utils import AveragedModel
from torch.utils._python_dispatch import TorchDispatchMode

from audiodiff import Vocoder
from audiodiff.conditioning import Conditioning
from audiodiff.experiment.config import compose_config
from audiodiff.experiment.dry_run import build_objective
from audiodiff.experiment.run import build_model
from audiodiff.training.average import WeightAverage

SMALL = {
    "ljspeech_diffwave": ["network.layers=2", "network.channels=8"],
    "ljspeech_residual": ["init_from=null"],
}
FRAMES = 32


class Copies(TorchDispatchMode):
    """Launches of a forward pass, and copies between host and device for which the host waits."""

    def __init__(self) -> None:
        super().__init__()
        self.launches, self.waited = 0, []
        self.views = (torch.ops.aten.detach.default, torch.ops.aten.alias.default)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.launches += func not in self.views
        if func is torch.ops.aten._to_copy.default:
            crossed = {args[0].device.type, result.device.type} == {"cpu", "cuda"}
            if crossed and not (kwargs or {}).get("non_blocking"):
                self.waited.append(tuple(result.shape))
        return result


def moved(module: nn.Module) -> nn.Module:
    """The module with parameters and buffers of the pretended GPU."""
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if parameter is not None:
                part._parameters[name] = nn.Parameter(torch.empty_like(parameter, device="cuda"))
        for name, buffer in list(part._buffers.items()):
            if buffer is not None:
                part._buffers[name] = torch.empty_like(buffer, device="cuda")
    return module


@pytest.mark.parametrize("experiment", SMALL)
def test_no_objective_waits_for_the_gpu_in_the_steady_state(experiment):
    """The first pass may copy tables; none of the later ones waits. Draws on the host itself are no wait."""
    config = compose_config("train", [f"experiment={experiment}", *SMALL[experiment]])
    objective = build_objective(config, build_model(config))
    with FakeTensorMode(allow_non_fake_inputs=True):
        objective = moved(objective)
        batch = {
            "wave": torch.empty(2, FRAMES * 256, device="cuda"),
            "mel": torch.empty(2, 80, FRAMES, device="cuda"),
        }
        if "mean" in signature(objective.forward).parameters:
            batch["mean"] = torch.empty_like(batch["wave"])
        objective(**batch)
        with Copies() as copies:
            loss = objective(**batch)["loss"]
    assert loss.device.type == "cuda"
    assert copies.launches > 20
    assert not copies.waited


@pytest.mark.parametrize("voice", ["ljspeech-fast", "ljspeech-tiny"])
def test_no_step_of_a_synthesis_waits_for_the_gpu(voice):
    """A network call of voices that ship, at a time that the host knows; tables may be copied by the first one."""
    model = Vocoder.from_pretrained(voice).model
    with FakeTensorMode(allow_non_fake_inputs=True):
        denoiser, x_t = moved(model.denoiser), torch.empty(2, FRAMES * 256, device="cuda")
        scale = torch.empty(2, 257, 2 * FRAMES, device="cuda")
        cond = Conditioning(mel=torch.empty(2, 80, FRAMES, device="cuda"), mean=x_t.clone(), scale=scale)
        denoise = denoiser.bind(cond)
        for _ in range(2):
            with Copies() as copies:
                x_0 = denoise(x_t, torch.tensor(0.5, dtype=torch.float64))
    assert x_0.device.type == "cuda"
    assert copies.launches > 20
    assert not copies.waited


def test_a_wait_is_noticed():
    with FakeTensorMode():
        there = torch.empty(3, device="cuda")
        with Copies() as copies:
            torch.empty(3).to("cuda", non_blocking=True)
            there.cpu()
        assert copies.waited == [(3,)]
        with pytest.raises(torch._subclasses.fake_tensor.DataDependentOutputException):
            there.sum().item()


def test_the_average_moves_in_a_few_launches():
    """However many weights there are, and without asking the device how often it has moved."""
    network = nn.Sequential(*(nn.Linear(3, 3) for _ in range(100)))
    average = WeightAverage(decay=0.9)
    average._average_model = AveragedModel(network)
    with FakeTensorMode(allow_non_fake_inputs=True):
        moved(network), moved(average._average_model)
        with Copies() as copies:
            average.follow(network, 5)
    assert 1 <= copies.launches <= 5
    assert not copies.waited
