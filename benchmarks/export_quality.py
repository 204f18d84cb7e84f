"""A voice as ONNX in fewer bits: sizes, differences from PyTorch, and recordings for `audiodiff evaluate` to score.

    pip install 'audiodiff[onnx]'
    python benchmarks/export_quality.py RECORDING... -o FOLDER [--model ljspeech-fast] [--mel CONVENTION]
    audiodiff evaluate FOLDER/exact FOLDER/recording --against FOLDER/int8 ... -o report

Every way gets a folder of wavs. `exact` and `int8` are what `audiodiff export --weights` writes; `fp16 arithmetic` and
`int8 arithmetic` are that graph after onnxruntime's own converters, which `audiodiff export` does not offer.
"""

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import onnxruntime
import typer

from audiodiff.audio import load_audio, save_audio
from audiodiff.bundle.for_mel import bundle_for
from audiodiff.bundle.format import Bundle, load_bundle
from audiodiff.bundle.location import DEFAULT_VOICE, bundle_folder
from audiodiff.export.example import sampler_example
from audiodiff.export.onnx import described, graph_of
from audiodiff.export.onnx_runner import gaussian, uniform
from audiodiff.export.sampler import UnrolledSampler
from audiodiff.export.weight_storage import Weights, pack_weights
from audiodiff.mel import MelSpectrogram, convention
from audiodiff.vocoder import Vocoder

warnings.filterwarnings("ignore")
SEED = 0
KEPT = ["Range", "CumSum", "Floor", "Cast", "Conv1d"]
"""Operators that count or decide, which 16 bits are not enough for."""


def packed(graph: Any, parameters: set[str], weights: Weights) -> Any:  # noqa: ANN401 (an onnx.ModelProto)
    """The graph as `audiodiff export` stores it."""
    graph = copy.deepcopy(graph)
    pack_weights(graph.graph, weights, parameters)
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


def runner(path: Path, draws: int, bins: int, hop_length: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function from mels to waveforms."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def vocode(mel: np.ndarray) -> np.ndarray:
        frames = mel.shape[1]
        noise = np.stack([gaussian(SEED, draw, frames * hop_length) for draw in range(draws)])
        feeds = {"mel": mel[None], "noise": noise[:, None]}
        feeds |= {"turns": uniform(0, frames * bins).reshape(frames, bins)} if bins else {}
        return np.asarray(session.run(None, feeds)[0])[0]

    return vocode


def ways(bundle: Bundle, vocoder: Vocoder, folder: Path) -> dict[str, Path]:
    """The graphs, by name; one that a converter fails on is named on the screen."""
    model = UnrolledSampler(bundle, vocoder.sampler(), vocoder.times()).eval()
    graph = graph_of(model, sampler_example(bundle, model), "wave")
    parameters = {name for name, _ in model.named_parameters()}
    makers: dict[str, Callable[[], Any]] = {
        "exact": lambda: packed(graph, parameters, "exact"),
        "int8": lambda: packed(graph, parameters, "int8"),
        "fp16-arithmetic": lambda: in_half(graph),
        "int8-arithmetic": lambda: in_bytes(graph, folder),
    }
    paths = {}
    for name, make in makers.items():
        try:
            onnx.save(make(), folder / f"{name}.onnx")
            onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
        except Exception as error:  # whatever a converter or a runtime says is the result here
            print(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
            continue
        paths[name] = folder / f"{name}.onnx"
    return paths


def main(
    recordings: list[Path],
    out: Annotated[Path, typer.Option("--out", "-o")],
    model: str = DEFAULT_VOICE,
    mel: Annotated[str | None, typer.Option(help="The convention of a voice for every mel.")] = None,
) -> None:
    """Print sizes and differences, and write the recordings."""
    bundle = load_bundle(bundle_folder(model))
    bundle = bundle if mel is None else bundle_for(bundle, convention(mel))
    vocoder = Vocoder(bundle)
    spec, rate, bins = vocoder.mel_spec, vocoder.sample_rate, described(bundle)["turns"]
    out.mkdir(parents=True)
    draws = UnrolledSampler(bundle, vocoder.sampler(), vocoder.times()).n_draws
    paths = ways(bundle, vocoder, out)
    runs = {name: (path, runner(path, draws, bins, spec.hop_length)) for name, path in paths.items()}
    largest = dict.fromkeys(runs, 0.0)
    for recording in recordings:
        wave = load_audio(recording, rate)
        heard = MelSpectrogram(spec)(wave[None])[0]
        ours = vocoder(heard, seed=SEED, spec=spec)
        found = {"recording": wave, "pytorch": ours}
        for name, (_, vocode) in runs.items():
            samples = vocode(heard.numpy())
            largest[name] = max(largest[name], float(np.abs(samples - ours.numpy()).max()))
            found[name] = ours.new_tensor(samples)
        for name, samples in found.items():
            (out / name).mkdir(exist_ok=True)
            save_audio(out / name / f"{recording.stem}.wav", samples, rate)
    print("| way | MB | largest difference from PyTorch |\n|---|---|---|")
    for name, (path, _) in runs.items():
        print(f"| {name} | {path.stat().st_size / 1e6:.1f} | {largest[name]:.1e} |")


if __name__ == "__main__":
    typer.run(main)
