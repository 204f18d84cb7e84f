"""Exported graphs give what the models give, in processes that have no PyTorch."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from audiodiff import Vocoder
from audiodiff.conditioning import Conditioning
from audiodiff.errors import ConfigError, OutputError
from audiodiff.export import onnx_runner
from audiodiff.export.example import BATCH, FRAMES, Example
from audiodiff.export.onnx import OPSET, export_network, export_sampler, write_graph
from audiodiff.export.onnx_runner import OnnxVocoder
from audiodiff.noise import SampleNoise
from tests import tiny_voices
from tests.export.voices import VOICES

onnx = pytest.importorskip("onnx", reason="needs the extra `onnx`")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")

pytestmark = pytest.mark.filterwarnings("ignore::audiodiff.mel.contract.MelContractWarning")  # mels are noise here
STEPS = 2
LENGTHS = (1, 31, 100)
RUNNER = Path(onnx_runner.__file__)
WITHOUT_TORCH = """\
import sys
sys.modules.update(dict.fromkeys(("torch", "audiodiff", "scipy", "librosa")))
sys.path.insert(0, sys.argv[1])
import numpy
from onnx_runner import OnnxVocoder
vocoder = OnnxVocoder(sys.argv[2])
mels = numpy.load(sys.argv[3])
numpy.savez(sys.argv[4], **{name: vocoder(mel, seed=5) for name, mel in mels.items()})
"""


def vocoded_without_torch(graph, mels, folder):
    """Vocode mels by a copy of the runner in a process in which `import torch` fails."""
    (folder / RUNNER.name).write_bytes(RUNNER.read_bytes())
    np.savez(folder / "mels.npz", **{str(mel.shape[1]): mel.numpy() for mel in mels})
    command = [sys.executable, "-c", WITHOUT_TORCH, folder, graph, folder / "mels.npz", folder / "waves.npz"]
    subprocess.run(command, check=True)
    with np.load(folder / "waves.npz") as waves:
        return list(waves.values())


@pytest.fixture(
    scope="module", params=["unconditional", "priorgrad", "bddm", "whitened", "source_filter", "diffwave_source"]
)
def exported(request, tmp_path_factory):
    """A voice, and the graph of its whole sampler."""
    folder = tmp_path_factory.mktemp(request.param)
    bundle = VOICES[request.param](folder)
    vocoder, path = Vocoder(bundle), folder / "voice.onnx"
    export_sampler(path, bundle, vocoder.sampler(), vocoder.times(STEPS))
    return vocoder, path


def random_mels(spec, *shape):
    """Values about as loud as speech, not twenty times full scale, where the tests' tolerance means nothing."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) - (0 if spec.range else 4)


def test_the_whole_sampler_without_torch(exported, tmp_path):
    vocoder, path = exported
    mels = [random_mels(vocoder.mel_spec, 80, frames) for frames in LENGTHS]
    for mel, wave in zip(mels, vocoded_without_torch(path, mels, tmp_path), strict=True):
        expected = vocoder(mel, seed=5, n_steps=STEPS, spec=vocoder.mel_spec).numpy()
        np.testing.assert_allclose(wave, expected, rtol=0, atol=1e-4)


def check_batches(vocoder, path, mels, **options):
    """A graph takes several mels at once, each with its own noise."""
    session, facts = onnxruntime.InferenceSession(path), OnnxVocoder(str(path)).facts
    (batch, _, frames), draw = mels.shape, SampleNoise(range(len(mels)))
    noise = np.stack([draw(torch.empty(batch, frames * 256)).numpy() for _ in range(facts["draws"])])
    waves = session.run(None, {"mel": mels.numpy(), "noise": noise})[0]
    expected = vocoder(mels, seed=[*range(batch)], spec=vocoder.mel_spec, **options).numpy()
    np.testing.assert_allclose(waves, expected, rtol=0, atol=1e-4)


def test_batches(exported):
    vocoder, path = exported
    check_batches(vocoder, path, random_mels(vocoder.mel_spec, 3, 80, 9), n_steps=STEPS)


def test_graphs_say_what_they_are_and_not_who_made_them(exported):
    vocoder, path = exported
    graph = onnx.load(path)
    onnx.checker.check_model(graph)
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", OPSET)]
    facts = json.loads({entry.key: entry.value for entry in graph.metadata_props}["audiodiff"])
    assert (facts["name"], facts["sample_rate"], facts["mel"]) == (vocoder.name, 22050, vocoder.mel_spec.to_dict())
    assert b".py" not in path.read_bytes()


class FiniteWhereTraced(torch.nn.Module):
    """Gives infinity beyond ten frames."""

    def forward(self, mel):
        return mel[:, 0] / (mel[:, 0].cumsum(dim=1).cumsum(dim=1) < 50)


def test_graphs_that_give_nonsense_are_not_written(tmp_path):
    example = Example({"mel": torch.ones(2, 80, 7)}, {"mel": {0: BATCH, 2: FRAMES}})
    with pytest.raises(OutputError, match="not finite"):
        write_graph(tmp_path / "voice.onnx", FiniteWhereTraced(), example, "wave", {}, "exact")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["whitened", "source_filter", "diffwave_source", "lmnt"])
def test_the_network_alone(name, tmp_path):
    bundle = VOICES[name](tmp_path)
    export_network(tmp_path / "network.onnx", bundle)
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    wanted = {entry.name for entry in session.get_inputs()}
    generator = torch.Generator().manual_seed(0)
    for batch, frames in ((1, 2), (3, 11)):
        x_t, mean = torch.randn(2, batch, frames * 256, generator=generator)
        mels = random_mels(bundle.model.mel, batch, 80, frames)
        given = {"x_t": x_t, "t": torch.rand(batch, generator=generator), "mel": mels}
        given |= {"mean": mean} if "mean" in wanted else {}
        given |= {"scale": torch.rand(batch, 257, 2 * frames, generator=generator)} if "scale" in wanted else {}
        output = session.run(None, {key: tensor.numpy() for key, tensor in given.items()})[0]
        cond = Conditioning(mel=given["mel"], mean=given.get("mean"), scale=given.get("scale"))
        with torch.no_grad():
            expected = bundle.model.denoiser.network(x_t, given["t"], cond).numpy()
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-4)
    with pytest.raises(ValueError, match="no whole model"):
        OnnxVocoder(str(tmp_path / "network.onnx"))


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_the_runner_s_noise_is_ours(seed):
    ours = SampleNoise([seed])
    for draw in range(2):
        noise = ours(torch.empty(1, 20_000))[0].numpy()
        np.testing.assert_allclose(onnx_runner.gaussian(seed, draw, 20_000), noise, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "mel",
    [np.zeros((80, 0)), np.zeros((7, 80)), np.zeros(80), np.zeros((1, 80, 7)), np.full((80, 7), np.nan)],
    ids=lambda mel: str(mel.shape),
)
def test_the_runner_refuses(mel, exported):
    with pytest.raises(ValueError, match=r"got a mel of shape .* expected \[80, frames\]"):
        OnnxVocoder(str(exported[1]))(mel)


@pytest.mark.parametrize("exported", ["whitened", "source_filter", "diffwave_source"], indirect=True)
def test_a_mel_that_no_sound_comes_of_is_refused_and_an_older_result_stays(exported, tmp_path):
    np.save(tmp_path / "mel.npy", np.full((80, 7), 3e38, np.float32))
    (tmp_path / "out.wav").write_bytes(b"older")
    command = [sys.executable, RUNNER, exported[1], tmp_path / "mel.npy", tmp_path / "out.wav"]
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode == 1
    assert "ValueError: no sound comes of a mel from 3e+38 to 3e+38" in failed.stderr
    assert (tmp_path / "out.wav").read_bytes() == b"older"


@pytest.mark.parametrize("name", ["inversion", "whitened"])
def test_priors_that_are_not_exported_are_refused(name, tmp_path):
    bundle = tiny_voices.VOICES[name]()._bundle
    with pytest.raises(ConfigError, match=f"a voice on a {type(bundle.model.prior).__name__} prior is not exported"):
        export_sampler(tmp_path / "voice.onnx", bundle, bundle.sampler, bundle.times(1))
    assert list(tmp_path.iterdir()) == []


def test_the_runner_can_be_copied():
    """60 lines, numpy and onnxruntime."""
    source = RUNNER.read_text(encoding="utf-8")
    imports = {
        alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for alias in node.names
    }
    assert imports - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}
    assert "from " not in "".join(line for line in source.splitlines() if line.startswith(("import", "from")))
    assert len(source.splitlines()) <= 60
