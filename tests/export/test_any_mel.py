"""A voice for every mel convention is exported for one of them, for any length or for one."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from audiodiff import Vocoder
from audiodiff.bundle.format import Bundle
from audiodiff.diffusion import Denoiser, StraightPath, X0Prediction, ddim, uniform
from audiodiff.export.onnx import export_sampler
from audiodiff.export.onnx_runner import OnnxVocoder
from audiodiff.mel import convention
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import KeepToMel, SpectralGainNetwork
from tests.priors.test_any_mel import bands_of, prior_for

onnx = pytest.importorskip("onnx", reason="needs the extra `onnx`")
pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")


def voice(spec):
    """As `universal`, with random weights."""
    prior = prior_for(spec)
    network = SpectralGainNetwork(mel=spec, channels=6, layers=2, step_channels=8)
    finish = KeepToMel(mel=spec, onsets=8, rounds=2, scaled_first=False, iterations=1).eval()
    for output in (network.output, finish.onsets.stack.output):
        torch.nn.init.normal_(output.weight, std=0.05)
    denoiser = Denoiser(network=network.eval(), schedule=StraightPath(), prediction=X0Prediction())
    model = DiffusionModel(mel=spec, denoiser=denoiser, prior=prior, finish=finish).eval()
    return Bundle("any", model, ddim, partial(uniform, n_steps=2))


@pytest.mark.parametrize(("name", "frames"), [("hifigan_22k", None), ("vocos_24k", 31)])
def test_a_graph_for_one_convention(name, frames, tmp_path):
    spec = convention(name)
    bundle, path = voice(spec), tmp_path / "voice.onnx"
    vocoder = Vocoder(bundle)
    export_sampler(path, bundle, vocoder.sampler(), vocoder.times(), frames=frames)
    runner = OnnxVocoder(str(path))
    assert (runner.facts["mel"], runner.facts["frames"]) == (spec.to_dict(), frames or 0)
    for length in (31,) if frames else (1, 31, 64):
        mel = bands_of(spec, length)[0]
        expected = vocoder(mel, seed=5, spec=spec).numpy()
        np.testing.assert_allclose(runner(mel.numpy(), seed=5), expected, rtol=0, atol=1e-4)


def test_a_graph_of_one_length_has_constant_shapes(tmp_path):
    bundle = voice(convention("hifigan_22k"))
    vocoder = Vocoder(bundle)
    export_sampler(tmp_path / "voice.onnx", bundle, vocoder.sampler(), vocoder.times(1), frames=9)
    graph = onnx.shape_inference.infer_shapes(onnx.load(tmp_path / "voice.onnx")).graph
    shapes = {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in [*graph.input, *graph.output]
    }
    assert shapes == {"mel": [1, 80, 9], "noise": [1, 1, 9 * 256], "wave": [1, 9 * 256]}
    assert json.loads(onnx.load(tmp_path / "voice.onnx").metadata_props[0].value)["frames"] == 9
    with pytest.raises(ValueError, match=r"expected \[80, 9\]"):
        OnnxVocoder(str(tmp_path / "voice.onnx"))(np.zeros((80, 10), np.float32))
