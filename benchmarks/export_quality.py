"""A voice as ONNX in fewer bits: sizes, differences from PyTorch, and recordings for `audiodiff evaluate` to score.

    pip install 'audiodiff[onnx]'
    audiodiff export ljspeech-fast -o voice.onnx
    python benchmarks/export_quality.py voice.onnx RECORDING... -o FOLDER
    audiodiff evaluate FOLDER/exact FOLDER/recording --against FOLDER/int8 ... -o report

Every way gets a folder of wavs. `exact` is the graph itself, `int8` what `audiodiff export --weights int8` stores;
`fp16-arithmetic` and `int8-arithmetic` are the graph after onnxruntime's own converters, which `audiodiff export` does
not offer. The graph is that of a voice that ships, with its own steps.
"""

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import torch
import typer

from audiodiff import MelSpec, Vocoder
from audiodiff.audio import load_audio, save_audio
from audiodiff.export.onnx_runner import OnnxVocoder
from audiodiff.export.weight_storage import pack_weights
from audiodiff.mel import MelSpectrogram

warnings.filterwarnings("ignore")
SEED = 0
KEPT = ["Range", "CumSum", "Floor", "Cast"]
"""Operators that count or decide, which 16 bits are not enough for."""


def unpacked(graph: Any) -> tuple[Any, set[str]]:  # noqa: ANN401 (an onnx.ModelProto)
    """The graph with its weights as constants of 32 bits, and the names of those that 16 bits were enough for."""
    whole = copy.deepcopy(graph)
    halves = {tensor.name: tensor for tensor in whole.graph.initializer if tensor.name.endswith("_half")}
    widening = [node for node in whole.graph.node if node.op_type == "Cast" and node.input[0] in halves]
    for node in widening:
        values = onnx.numpy_helper.to_array(halves[node.input[0]]).astype(np.float32)
        whole.graph.initializer.append(onnx.numpy_helper.from_array(values, node.output[0]))
        whole.graph.node.remove(node)
    for tensor in halves.values():
        whole.graph.initializer.remove(tensor)
    return whole, {node.output[0] for node in widening}


def rounded_weights(graph: Any, weights: set[str]) -> Any:  # noqa: ANN401
    """The graph with weights of 8 bits."""
    graph = copy.deepcopy(graph)
    pack_weights(graph.graph, "int8", weights)
    return graph


def in_half(graph: Any) -> Any:  # noqa: ANN401
    """The graph with arithmetic of 16 bits, but for what is computed in 64."""
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    blocked = [*DEFAULT_OP_BLOCK_LIST, *KEPT]
    return convert_float_to_float16(copy.deepcopy(graph), keep_io_types=True, op_block_list=blocked)


def in_bytes(graph: Any, folder: Path) -> Any:  # noqa: ANN401
    """The graph with products of 8 bits, whose activations are rounded as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    onnx.save(graph, folder / "whole.onnx")
    quantize_dynamic(folder / "whole.onnx", folder / "bytes.onnx", weight_type=QuantType.QInt8)
    (folder / "whole.onnx").unlink()
    return onnx.load(folder / "bytes.onnx")


def ways(graph: Any, folder: Path) -> dict[str, Path]:  # noqa: ANN401
    """The graphs, by name; one that a converter fails on is named on the screen."""
    whole, weights = unpacked(graph)
    makers: dict[str, Callable[[], Any]] = {
        "exact": lambda: graph,
        "int8": lambda: rounded_weights(whole, weights),
        "fp16-arithmetic": lambda: in_half(whole),
        "int8-arithmetic": lambda: in_bytes(whole, folder),
    }
    paths = {}
    for name, make in makers.items():
        try:
            onnx.save(make(), folder / f"{name}.onnx")
            OnnxVocoder(str(folder / f"{name}.onnx"))
        except Exception as error:  # whatever a converter or a runtime says is the result here
            print(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
            continue
        paths[name] = folder / f"{name}.onnx"
    return paths


def main(graph: Path, recordings: list[Path], out: Annotated[Path, typer.Option("--out", "-o")]) -> None:
    """Print sizes and differences, and write the recordings."""
    torch.set_num_threads(1)
    facts = OnnxVocoder(str(graph)).facts
    vocoder = Vocoder.from_pretrained(facts["name"])
    spec = MelSpec(**facts["mel"])
    vocoder = vocoder.for_mel(spec) if spec != vocoder.mel_spec else vocoder
    out.mkdir(parents=True)
    paths = ways(onnx.load(graph), out)
    runners, largest = {name: OnnxVocoder(str(path)) for name, path in paths.items()}, dict.fromkeys(paths, 0.0)
    for recording in recordings:
        wave = load_audio(recording, vocoder.sample_rate)
        mel = MelSpectrogram(spec)(wave[None])[0]
        found = {"recording": wave, "pytorch": vocoder(mel, seed=SEED, spec=spec)}
        for name, runner in runners.items():
            found[name] = torch.from_numpy(runner(mel.numpy(), SEED))
            largest[name] = max(largest[name], (found[name] - found["pytorch"]).abs().max().item())
        for name, samples in found.items():
            (out / name).mkdir(exist_ok=True)
            save_audio(out / name / f"{recording.stem}.wav", samples, vocoder.sample_rate)
    print("| way | MB | largest difference from PyTorch |\n|---|---|---|")
    for name, path in paths.items():
        print(f"| {name} | {path.stat().st_size / 1e6:.1f} | {largest[name]:.1e} |")


if __name__ == "__main__":
    typer.run(main)
