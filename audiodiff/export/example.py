"""Short inputs from which exporters trace a model, and which of their axes may have any length."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from audiodiff.bundle.format import Bundle
from audiodiff.export.sampler import UnrolledSampler
from audiodiff.priors import MelInversion, SourceFilter

Axes = dict[int, Any]
BATCH, FRAMES = Dim("batch", min=1, max=1 << 12), Dim("frames", min=2, max=1 << 20)
SHORT = (2, 7)
"""Batch and frames of the examples."""


@dataclass(frozen=True)
class Example:
    """Named inputs and their free axes."""

    inputs: dict[str, Tensor]
    axes: dict[str, Axes]

    def repeated(self, times: int) -> dict[str, Tensor]:
        """The inputs, so often one after another in time."""
        return {name: tensor.repeat(self._counts(name, times)) for name, tensor in self.inputs.items()}

    def _counts(self, name: str, times: int) -> list[int]:
        """Repeats of an input along each of its axes: along all free ones save the batch."""
        axes = self.axes[name]
        return [times if axis in axes and axes[axis] is not BATCH else 1 for axis in range(self.inputs[name].ndim)]


def sampler_example(bundle: Bundle, model: UnrolledSampler, n_frames: int | None = None) -> Example:
    """For a whole model: mel and noise, for one mel of `n_frames`, or any."""
    spec = bundle.model.mel
    batch, frames = SHORT if n_frames is None else (1, n_frames)
    inputs = {
        "mel": torch.zeros(batch, spec.n_mels, frames),
        "noise": torch.zeros(model.n_draws, batch, frames * spec.hop_length),
    }
    axes: dict[str, Axes] = {"mel": {0: BATCH, 2: FRAMES}, "noise": {1: BATCH, 2: spec.hop_length * FRAMES}}
    return Example(inputs, axes if n_frames is None else {name: {} for name in axes})


def network_example(bundle: Bundle) -> Example:
    """For a network alone: the noisy samples, their time, the mel, and what a prior says of its mean and its scale."""
    (batch, frames), spec, prior = SHORT, bundle.model.mel, bundle.model.prior
    wave, free = torch.zeros(batch, frames * spec.hop_length), {0: BATCH, 1: spec.hop_length * FRAMES}
    inputs = {"x_t": wave, "t": torch.full((batch,), 0.5), "mel": torch.zeros(batch, spec.n_mels, frames)}
    axes: dict[str, Axes] = {"x_t": free, "t": {0: BATCH}, "mel": {0: BATCH, 2: FRAMES}}
    if isinstance(prior, MelInversion | SourceFilter):
        inputs["mean"], axes["mean"] = wave.clone(), free  # the very same tensor would be traced as one input
    if isinstance(prior, SourceFilter):
        inputs["scale"] = prior.scale(inputs["mel"]).detach()
        axes["scale"] = {0: BATCH, 2: inputs["scale"].shape[-1] // frames * FRAMES}
    return Example(inputs, axes)


def traced(model: nn.Module, example: Example) -> ExportedProgram:
    """The program that a module runs on inputs like these, without gradients."""
    with torch.no_grad():
        return torch.export.export(model, (), example.inputs, dynamic_shapes=example.axes, strict=False)
