"""Voices that are put together of parts."""

import copy
import importlib.util

import torch
from torch.testing import assert_close

from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import load_bundle, save_bundle
from audiodiff.vocoder import Vocoder
from tests.conftest import ROOT
from tests.tiny_voices import mel_of
from tests.trees import MEL, TINY_TREE


def load(script):
    spec = importlib.util.spec_from_file_location(script, ROOT / "recipes" / "ljspeech" / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bundle(folder, channels):
    """A voice with random weights and so many channels in its magnitude network."""
    tree = copy.deepcopy(TINY_TREE)
    tree["model"]["denoiser"]["network"] = {
        "_target_": "audiodiff.networks.LocalSpectralNetwork",
        "mel": MEL,
        "channels": 4,
        "layers": 1,
    }
    tree["model"]["prior"] |= {"noise_level": 0.1 * channels}
    tree["model"]["prior"]["magnitudes"]["channels"] = channels
    tree["grid"] = {"_target_": "audiodiff.diffusion.explicit", "_partial_": True, "times": [1.0, 0.0]}
    tree = canonical(tree)
    model = build(tree["model"])
    torch.nn.init.normal_(model.denoiser.network.stack.output.weight, std=0.1)
    torch.nn.init.normal_(model.prior.magnitudes.stack.output.weight, std=0.1)
    return save_bundle(folder, folder.name, tree, model, "", dtype=torch.float32)


def test_a_voice_has_the_magnitudes_of_one_and_the_denoiser_of_the_other(tmp_path):
    small, large = bundle(tmp_path / "small", 4), bundle(tmp_path / "large", 8)
    assembled = load("assemble").assemble(small, large, 3, 2, "both", tmp_path / "both")
    made, first, second = (load_bundle(folder).model for folder in (assembled, small, large))
    assert (made.prior.iterations, made.prior.noise_level) == (3, second.prior.noise_level)
    for theirs, ours in ((first.prior.magnitudes, made.prior.magnitudes), (second.denoiser, made.denoiser)):
        theirs, ours = theirs.state_dict(), ours.state_dict()
        assert theirs.keys() == ours.keys()
        assert all((theirs[name] - ours[name]).abs().max() < 1e-3 for name in theirs)
    vocoder = Vocoder.from_pretrained(assembled)
    assert [vocoder.times(steps).tolist() for steps in (None, 1, 4)] == [
        [1.0, 0.3, 0.0],
        [1.0, 0.0],
        [1.0, 0.3, 0.1, 0.03, 0.0],
    ]
    mel = mel_of(20)
    assert_close(vocoder(mel, spec=vocoder.mel_spec), vocoder(mel, spec=vocoder.mel_spec, n_steps=2))
