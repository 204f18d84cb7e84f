"""The voice that ships, exported as people do it.

Its Griffin-Lim magnifies rounding, PyTorch's own as well: the same mel with every number moved by one unit in the
last place gives samples that differ by 1e-4. Graphs are held to that.
"""

import subprocess
import sys
import wave

import numpy as np
import pytest
import torch

from audiodiff import Vocoder
from audiodiff.bundle.format import CARD, WEIGHTS, load_bundle, read_config, save_bundle
from audiodiff.bundle.location import DEFAULT_VOICE, bundle_folder
from audiodiff.cli.main import main
from audiodiff.export import onnx_runner
from audiodiff.mel import MelSpectrogram
from tests.export.test_onnx import LENGTHS, check_batches, vocoded_without_torch

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
        monkeypatch.setattr(sys, "argv", ["audiodiff", "export", DEFAULT_VOICE, "-o", str(path)])
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


def vocoded(vocoder, mel, seed):
    """The waveform from PyTorch, and by how much it moves with the last bits of the mel."""
    waves = [vocoder(x, seed=seed, spec=vocoder.mel_spec) for x in (mel, torch.nextafter(mel, mel + 1))]
    return waves[0].numpy(), (waves[0] - waves[1]).abs().max().item()


def test_from_bundle_to_graph_to_wav(graph, vocoder, mels, tmp_path):
    np.save(tmp_path / "mel.npy", mels[-1].numpy())
    files = [onnx_runner.__file__, graph, tmp_path / "mel.npy", tmp_path / "out.wav"]
    subprocess.run([sys.executable, "-c", COMMAND_WITHOUT_TORCH, *files, "7"], check=True)
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (22050, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768
    expected, rounding = vocoded(vocoder, mels[-1], seed=7)
    np.testing.assert_allclose(samples, expected, rtol=0, atol=1e-4 + 2 * rounding + 1 / 32768)


def test_the_whole_sampler_without_torch(graph, vocoder, mels, tmp_path):
    for mel, samples in zip(mels, vocoded_without_torch(graph, mels, tmp_path), strict=True):
        expected, rounding = vocoded(vocoder, mel, seed=5)
        np.testing.assert_allclose(samples, expected, rtol=0, atol=1e-4 + 2 * rounding)


def test_batches(graph, vocoder, mels):
    check_batches(vocoder, graph, torch.stack([mels[-1][:, first : first + 9] for first in (0, 40, 80)]))


def test_from_bundle_to_safetensors_to_bundle(tmp_path):
    folder = bundle_folder(DEFAULT_VOICE)
    card = (folder / CARD).read_text(encoding="utf-8")
    again = save_bundle(tmp_path / "again", DEFAULT_VOICE, read_config(folder), load_bundle(folder).model, card)
    assert (again / WEIGHTS).read_bytes() == (folder / WEIGHTS).read_bytes()
    assert (again / CARD).read_bytes() == (folder / CARD).read_bytes()
    first, second = (load_bundle(path).model.state_dict() for path in (folder, again))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert read_config(folder) == read_config(again)
