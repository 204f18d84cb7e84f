"""Models as ONNX graphs, of operators that every runtime has."""

import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from audiodiff.audio.atomic import written_whole
from audiodiff.bundle.format import Bundle
from audiodiff.diffusion import Sampler, Times
from audiodiff.errors import ConfigError, OutputError
from audiodiff.export.example import Example, network_example, sampler_example, traced
from audiodiff.export.sampler import NetworkAlone, UnrolledSampler
from audiodiff.export.weight_storage import Weights, pack_weights
from audiodiff.version import __version__

OPSET = 18
METADATA = "audiodiff"
"""The key under which a graph says, as JSON, what it is and what it wants."""
TRIED_LENGTH = 6
"""Length of the input on which a graph is tried, in lengths of the example."""


def export_sampler(
    path: str | os.PathLike[str],
    bundle: Bundle,
    sampler: Sampler,
    times: Times,
    weights: Weights = "exact",
    frames: int | None = None,
) -> None:
    """Write the whole model with its sampler unrolled: mel and noise in, waveform out.

    For any batch and length, or for one mel of so many `frames`, with every shape a constant.

    Inputs are `mel` [batch, n_mels, frames] and `noise` [draws, batch, samples], standard normal. Raises `ConfigError`
    for a sampler that cannot be unrolled, a prior that is not exported, or where onnx is not installed, `OutputError`
    when writing fails.
    """
    model = UnrolledSampler(bundle, sampler, times).eval()
    example = sampler_example(bundle, model, frames)
    facts = {"part": "sampler", "draws": model.n_draws, "network_calls": model.n_calls, "frames": frames or 0}
    write_graph(path, model, example, "wave", graph_facts(bundle) | facts, weights)


def export_network(path: str | os.PathLike[str], bundle: Bundle, weights: Weights = "exact") -> None:
    """Write the network alone, as a function of `x_t`, `t`, `mel` and, where the prior has them, `mean` and `scale`."""
    facts = graph_facts(bundle) | {"part": "network"}
    write_graph(path, NetworkAlone(bundle).eval(), network_example(bundle), "output", facts, weights)


def graph_facts(bundle: Bundle) -> dict[str, Any]:
    """A graph's metadata, whatever part of the model it is."""
    spec = bundle.model.mel
    return {
        "audiodiff": __version__,
        "name": bundle.name,
        "sample_rate": spec.sample_rate,
        "hop_length": spec.hop_length,
        "mel": spec.to_dict(),
    }


def write_graph(
    path: str | os.PathLike[str],
    model: nn.Module,
    example: Example,
    output: str,
    facts: dict[str, Any],
    weights: Weights,
) -> None:
    """Trace a module and write it as one self-contained file."""
    graph = graph_of(model, example, output)
    pack_weights(graph.graph, weights, {name for name, _ in model.named_parameters()})
    graph.metadata_props.add(key=METADATA, value=json.dumps(facts))
    with written_whole(path) as scratch:
        require_onnx().save(graph, scratch)
        check_runs(scratch, example)


def graph_of(model: nn.Module, example: Example, output: str) -> Any:  # noqa: ANN401 (an onnx.ModelProto)
    """A module as a graph, its constants in full."""
    require_onnx()
    with _quietly():
        program = torch.onnx.export(
            traced(model, example),
            input_names=list(example.inputs),
            output_names=[output],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # the exporter that traces with dynamo always returns one
    graph = program.model_proto
    forget_sources(graph.graph)
    return graph


def check_runs(path: Path, example: Example) -> None:
    """Run a graph once, on more frames than it was traced with; `OutputError` if what comes out is not finite."""
    import onnxruntime

    given = {name: tensor.numpy() for name, tensor in example.repeated(TRIED_LENGTH).items()}
    (output,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, given)
    if not np.isfinite(np.asarray(output)).all():
        raise OutputError(
            f"this model's graph gives numbers that are not finite in onnxruntime {onnxruntime.__version__}, so it was "
            "not written: try another version of onnx and onnxscript, or export with --to torch-export"
        )


def forget_sources(graph: Any) -> None:  # noqa: ANN401 (an onnx.GraphProto; onnx has no types)
    """Remove the lines of code, with their paths on this machine, that the exporter notes at every node."""
    for node in graph.node:
        node.ClearField("metadata_props")
        for attribute in node.attribute:
            if attribute.HasField("g"):
                forget_sources(attribute.g)


def require_onnx() -> Any:  # noqa: ANN401 (a module)
    """The onnx package; raises `ConfigError` where the extra is not installed."""
    try:
        import onnx
        import onnxruntime  # noqa: F401 (every graph is tried)
        import onnxscript  # noqa: F401 (torch's exporter needs it)
    except ImportError as error:
        raise ConfigError(f"exporting to ONNX needs {error.name}: pip install 'audiodiff[onnx]'") from error
    return onnx


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter's notes about its own insides from the user."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
