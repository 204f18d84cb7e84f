"""Exported graphs give what the models give, in processes that have no PyTorch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from audiodiff import Vocoder
from audiodiff.audio import MelSpectrogram
from audiodiff.bundle import load_bundle
from audiodiff.convert import convert
from audiodiff.export import onnx_runner
from audiodiff.export.onnx import OPSET, export_network, export_sampler
from audiodiff.noise import SampleNoise
from audiodiff.vocoder import DEFAULT, bundle_folder
from tests.convert import foreign

onnx = pytest.importorskip("onnx", reason="needs the extra `onnx`")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")

STEPS = 2
WITHOUT_TORCH = """\
import runpy, sys
for name in ("torch", "audiodiff", "librosa", "scipy"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_without_torch(*arguments):
    """Run the runner, as a copied file, in a process in which `import torch` fails."""
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def fast():
    """The voice that ships, with few iterations of Griffin-Lim, which magnify rounding a thousandfold."""
    bundle = load_bundle(bundle_folder(DEFAULT))
    bundle.model.prior.iterations = 4
    return bundle


@pytest.fixture(scope="module")
def diffwave(tmp_path_factory):
    return convert(foreign.lmnt(tmp_path_factory.mktemp("lmnt"))).bundle()


@pytest.fixture(scope="module")
def graphs(fast, diffwave, tmp_path_factory):
    """Both kinds of voices as graphs of their whole samplers."""
    folder, paths = tmp_path_factory.mktemp("graphs"), {}
    for name, bundle in {"fast": fast, "diffwave": diffwave}.items():
        vocoder, paths[name] = Vocoder(bundle), folder / f"{name}.onnx"
        export_sampler(paths[name], bundle, vocoder.sampler(), vocoder.times(STEPS))
    return paths


@pytest.fixture(scope="module")
def vocoders(fast, diffwave):
    return {"fast": Vocoder(fast), "diffwave": Vocoder(diffwave)}


def mel_of(vocoder, clip, frames):
    return MelSpectrogram(vocoder.mel_spec)(clip[: 256 * 120].unsqueeze(0))[0, :, :frames]


@pytest.mark.parametrize("name", ["fast", "diffwave"])
@pytest.mark.parametrize("frames", [2, 31, 100])
def test_the_whole_sampler_without_torch(name, frames, graphs, vocoders, clip, tmp_path):
    vocoder = vocoders[name]
    mel = mel_of(vocoder, clip, frames)
    np.save(tmp_path / "mel.npy", mel.numpy())
    runner = tmp_path / "vendored.py"
    runner.write_bytes(Path(onnx_runner.__file__).read_bytes())
    program = "import numpy, sys; from vendored import OnnxVocoder as V; "
    program += "numpy.save(sys.argv[3], V(sys.argv[1])(numpy.load(sys.argv[2]), seed=5))"
    blocked = "import sys; sys.modules.update(torch=None, audiodiff=None); sys.path.insert(0, sys.argv.pop()); "
    command = [
        sys.executable,
        "-c",
        blocked + program,
        graphs[name],
        tmp_path / "mel.npy",
        tmp_path / "out.npy",
        tmp_path,
    ]
    subprocess.run(command, check=True)
    wave = np.load(tmp_path / "out.npy")
    expected = vocoder(mel, seed=5, steps=STEPS, spec=vocoder.mel_spec).numpy()
    np.testing.assert_allclose(wave, expected, rtol=0, atol=1e-4)


def test_the_runner_is_a_command(graphs, vocoders, clip, tmp_path):
    np.save(tmp_path / "mel.npy", mel_of(vocoders["diffwave"], clip, 20).numpy())
    run_without_torch(onnx_runner.__file__, graphs["diffwave"], tmp_path / "mel.npy", tmp_path / "out.wav", 3)
    assert (tmp_path / "out.wav").stat().st_size == 44 + 2 * 20 * 256


def test_batches(graphs, vocoders, clip):
    """A graph takes several mels at once, each with its own noise."""
    vocoder = vocoders["diffwave"]
    session = onnxruntime.InferenceSession(graphs["diffwave"])
    mels = torch.stack([mel_of(vocoder, clip, 9), mel_of(vocoder, clip.flip(0), 9), mel_of(vocoder, clip, 9) / 2])
    draw = SampleNoise([1, 2, 3])
    noise = np.stack([draw(torch.empty(3, 9 * 256)).numpy() for _ in range(2)])
    waves = session.run(None, {"mel": mels.numpy(), "noise": noise})[0]
    expected = vocoder(mels, seed=[1, 2, 3], steps=STEPS, spec=vocoder.mel_spec).numpy()
    np.testing.assert_allclose(waves, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_the_runner_s_noise_is_ours(seed):
    ours = SampleNoise([seed])
    for draw in range(2):
        noise = ours(torch.empty(1, 20_000))[0].numpy()
        np.testing.assert_allclose(onnx_runner.gaussian(seed, draw, 20_000), noise, rtol=0, atol=1e-5)


def test_graphs_say_what_they_are(graphs, fast):
    graph = onnx.load(graphs["fast"])
    onnx.checker.check_model(graph)
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", OPSET)]
    facts = json.loads({entry.key: entry.value for entry in graph.metadata_props}["audiodiff"])
    assert (facts["name"], facts["sample_rate"], facts["draws"]) == (DEFAULT, 22050, 1)
    assert facts["mel"] == fast.model.mel.to_dict()
    assert [entry.name for entry in graph.graph.input] == ["mel", "noise", "turns"]


def test_half_precision_is_kept_where_it_is_exact(graphs):
    graph = onnx.load(graphs["fast"])
    types = {entry.data_type for entry in graph.graph.initializer if entry.name.endswith("_half")}
    assert types == {onnx.TensorProto.FLOAT16}
    parameters = sum(p.numel() for p in load_bundle(bundle_folder(DEFAULT)).model.parameters())
    assert graphs["fast"].stat().st_size < 2.5 * parameters


def test_the_network_alone(diffwave, clip, tmp_path):
    export_network(tmp_path / "network.onnx", diffwave)
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    generator = torch.Generator().manual_seed(0)
    for batch, frames in ((1, 2), (3, 11)):
        x_t, mel = torch.randn(batch, frames * 256, generator=generator), torch.rand(batch, 80, frames)
        t = torch.rand(batch, generator=generator)
        output = session.run(None, {"x_t": x_t.numpy(), "t": t.numpy(), "mel": mel.numpy()})[0]
        with torch.no_grad():
            expected = diffwave.model.denoiser.network(x_t, t, diffwave.model.prior.condition(mel)).numpy()
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-4)
