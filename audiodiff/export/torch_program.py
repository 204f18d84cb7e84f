"""Models as torch.export programs: one file that PyTorch runs without audiodiff."""

import os

import torch
from torch.fx import GraphModule

from audiodiff.audio.atomic import written_whole
from audiodiff.bundle.format import Bundle
from audiodiff.diffusion import Sampler, Times
from audiodiff.export.example import sampler_example, traced
from audiodiff.export.sampler import UnrolledSampler


def export_program(
    path: str | os.PathLike[str], bundle: Bundle, sampler: Sampler, times: Times, frames: int | None = None
) -> None:
    """Write the whole model with its sampler unrolled, with the inputs of `export.onnx.export_sampler`.

    Run it as `torch.export.load(path).module()(mel=…, noise=…)`, with at least two frames, or with `frames`.
    Raises `ConfigError` for a sampler that cannot be unrolled, `OutputError` when writing fails.
    """
    model = UnrolledSampler(bundle, sampler, times).eval()
    program = traced(model, sampler_example(bundle, model, frames))
    forget_sources(program.graph_module)
    with written_whole(path) as scratch:
        torch.export.save(program, scratch)


def forget_sources(module: GraphModule) -> None:
    """Remove the lines of code, with their paths on this machine, that torch notes at every node."""
    for part in module.modules():
        for node in part.graph.nodes if isinstance(part, GraphModule) else ():
            node.meta.pop("stack_trace", None)
