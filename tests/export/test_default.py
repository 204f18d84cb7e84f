"""The voice that ships, exported as people do it, with all its iterations of Griffin-Lim.

They magnify rounding a thousandfold: two mels that differ in their last bit become waveforms that differ by 1e-3.
So the exported voice is held to 1e-4 where that can be asked of it, in double precision and with few iterations,
and with all of them in single precision to what PyTorch itself makes of another rounding.
"""

import subprocess
import sys
import wave

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.audio import MelSpectrogram
from audiodiff.bundle import CARD, WEIGHTS, load_bundle, read_config, save_bundle
from audiodiff.cli.main import main
from audiodiff.export import onnx_runner
from audiodiff.export.sampler import UnrolledSampler
from audiodiff.noise import SampleNoise
from audiodiff.vocoder import DEFAULT, bundle_folder
from tests.export.test_onnx import LENGTHS, vocoded_without_torch

onnx = pytest.importorskip("onnx", reason="needs the extra `onnx`")

COMMAND_WITHOUT_TORCH = """\
import runpy, sys
sys.modules.update(dict.fromkeys(("torch", "audiodiff")))
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """What `audiodiff export` writes."""
    path = tmp_path_factory.mktemp("default") / "voice.onnx"
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sys, "argv", ["audiodiff", "export", DEFAULT, "-o", str(path)])
        with pytest.raises(SystemExit, match="0"):
            main()
    return path


@pytest.fixture(scope="module")
def vocoder():
    return Vocoder.from_pretrained()


@pytest.fixture
def mels(vocoder, clip):
    mel = MelSpectrogram(vocoder.mel_spec)(clip[None])[0]
    return [mel[:, :frames] for frames in LENGTHS]


def test_from_bundle_to_graph_to_wav(graph, vocoder, mels, tmp_path):
    np.save(tmp_path / "mel.npy", mels[-1].numpy())
    files = [onnx_runner.__file__, graph, tmp_path / "mel.npy", tmp_path / "out.wav"]
    subprocess.run([sys.executable, "-c", COMMAND_WITHOUT_TORCH, *files, "7"], check=True)
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (22050, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768
    expected = vocoder(mels[-1], seed=7, spec=vocoder.mel_spec).numpy()
    np.testing.assert_allclose(samples, expected, rtol=0, atol=0.02)


def test_with_few_iterations_in_single_precision(graph, vocoder, mels, monkeypatch, tmp_path):
    model = onnx.load(graph)
    loop = next(node for node in model.graph.node if node.op_type == "Loop").attribute[0].g
    unfinished = next(node for node in loop.node if node.op_type == "Less")
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert constants[unfinished.input[1]] == vocoder.model.prior.iterations
    unfinished.input[1] = "few"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.int64(4), "few"))
    onnx.save(model, tmp_path / "few.onnx")
    monkeypatch.setattr(vocoder.model.prior, "iterations", 4)
    for mel, samples in zip(mels, vocoded_without_torch(tmp_path / "few.onnx", mels, tmp_path), strict=True):
        expected = vocoder(mel, seed=5, spec=vocoder.mel_spec).numpy()
        np.testing.assert_allclose(samples, expected, rtol=0, atol=1e-4)


def test_with_all_iterations_in_single_precision(graph, vocoder, mels, tmp_path):
    def rounded_otherwise(mel, seed):
        last_bit = 1 + 1e-7 * torch.randn(mel.shape, generator=torch.Generator().manual_seed(seed))
        return vocoder(mel * last_bit, seed=5, spec=vocoder.mel_spec).numpy()

    for mel, samples in zip(mels, vocoded_without_torch(graph, mels, tmp_path), strict=True):
        expected = vocoder(mel, seed=5, spec=vocoder.mel_spec).numpy()
        spread = max(rms(rounded_otherwise(mel, seed) - expected) for seed in range(3))
        assert rms(samples - expected) < 3 * spread


@pytest.mark.parametrize("frames", LENGTHS)
def test_in_double_precision(frames, clip):
    bundle = load_bundle(bundle_folder(DEFAULT))
    bundle.model.double()
    mel = MelSpectrogram(bundle.model.mel)(clip[None])[..., :frames].double()
    vocoder, draw = Vocoder(bundle), SampleNoise([5])
    sampler, times = vocoder.sampler(), vocoder.times()
    expected = bundle.model.generate(mel, sampler=sampler, times=times, noise=lambda x: draw(x.double()))
    turns = torch.from_numpy(onnx_runner.uniform(0, frames * 513)).double().reshape(frames, 513)
    with torch.no_grad():
        unrolled = UnrolledSampler(bundle, sampler, times)(mel, SampleNoise([5])(expected)[None], turns)
    assert_close(unrolled, expected, rtol=0, atol=1e-4)


def test_from_bundle_to_safetensors_to_bundle(tmp_path):
    folder = bundle_folder(DEFAULT)
    card = (folder / CARD).read_text(encoding="utf-8")
    again = save_bundle(tmp_path / "again", DEFAULT, read_config(folder), load_bundle(folder).model, card)
    assert (again / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    assert (again / CARD).read_bytes() == (folder / CARD).read_bytes()
    first, second = (load_bundle(path).model.state_dict() for path in (folder, again))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert read_config(folder) == read_config(again)


def rms(x):
    return np.sqrt(np.mean(x**2))
