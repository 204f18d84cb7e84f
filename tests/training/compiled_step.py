"""Graphs that torch.compile makes of a DiffWave in training: `python -m tests.training.compiled_step` prints them.

Run by itself, because it cannot trace the types that tests check at every call.
"""

import json

import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend

from audiodiff.experiment.config import compose_config
from audiodiff.experiment.dry_run import build_objective
from audiodiff.experiment.run import build_model


def small_objective() -> nn.Module:
    """That of DiffWave, with two narrow blocks."""
    torch.manual_seed(0)
    config = compose_config("train", ["experiment=ljspeech_diffwave", "network.layers=2", "network.channels=8"])
    return build_objective(config, build_model(config))


def batch(items: int, frames: int) -> dict[str, Tensor]:
    """Segments, or a clip."""
    return {"wave": 0.1 * torch.randn(items, 256 * frames), "mel": torch.randn(items, 80, frames)}


def whole_step() -> dict[str, float]:
    """Graphs of noising, network and loss, where a break is an error, and how far its gradients are from the eager."""
    objective, given = small_objective(), batch(2, 8)
    counter = CompileCounterWithBackend("aot_eager")
    gradients = []
    for run in (torch.compile(objective, backend=counter, fullgraph=True), objective):
        torch.manual_seed(1)
        loss = run(**given)["loss"]
        found = torch.autograd.grad(loss, [p for p in objective.parameters() if p.requires_grad])
        gradients.append(torch.cat([one.flatten() for one in found]))
    difference = (gradients[0] - gradients[1]).norm() / gradients[1].norm()
    return {"graphs": counter.frame_count, "difference": difference.item()}


def lengths() -> list[int]:
    """Graphs so far: after a batch of segments, each of four validation clips of other lengths, and a batch again."""
    objective, counter = small_objective(), CompileCounterWithBackend("eager")
    objective.model.denoiser.network.compile(backend=counter)
    found = []

    def step() -> None:
        objective(**batch(2, 8))["loss"].backward()
        found.append(counter.frame_count)

    step()
    with torch.no_grad():
        for frames in (40, 33, 21, 64):
            objective(**batch(1, frames))
            found.append(counter.frame_count)
    step()
    return found


if __name__ == "__main__":
    print(json.dumps({"step": whole_step(), "lengths": lengths()}))
