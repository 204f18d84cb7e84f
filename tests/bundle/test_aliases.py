"""Dotted paths of the former release find what they named, in bundles and in users' configs."""

import json
import sys
from importlib import import_module
from shutil import copytree

import pytest
import torch
from omegaconf import OmegaConf

from audiodiff import Vocoder
from audiodiff.bundle.aliases import LEFT, MOVED, brought_up_to_date, current
from audiodiff.bundle.constructors import build as build_tree
from audiodiff.bundle.constructors import canonical, resolve
from audiodiff.bundle.format import save_bundle
from audiodiff.bundle.location import BUNDLES
from audiodiff.errors import BundleError, ConfigError
from audiodiff.experiment.config import build
from audiodiff.experiment.resuming import differences
from audiodiff.mel import MelSpec, convention
from tests.trees import TINY_TREE

IN_BUNDLES = [
    "audiodiff.audio.spec.MelSpec",
    "audiodiff.diffusion.grids.uniform",
    "audiodiff.diffusion.samplers.ddim.ancestral",
    "audiodiff.diffusion.samplers.ddim.ddim",
    "audiodiff.diffusion.samplers.heun.edm_stochastic",
    "audiodiff.diffusion.samplers.heun.heun",
    "audiodiff.diffusion.samplers.heun.restart",
    "audiodiff.diffusion.samplers.unipc.unipc",
    "audiodiff.generative.GenerativeModel",
    "audiodiff.model.DiffusionModel",
    "audiodiff.priors.spectral.SpectralEnvelope",
]
IN_CONFIGS = [
    "audiodiff.audio.MelSpec",
    "audiodiff.diffusion.weights.min_snr_weight",
    "audiodiff.training.features.DeferredMelFeatures",
    "audiodiff.training.features.MelFeatures",
    "audiodiff.training.inversion.MagnitudeMatch",
    "audiodiff.training.inversion_objectives.MagnitudeMatch",
]
LEFT_BUNDLES = [
    "audiodiff.networks.local_spectral.LocalSpectralNetwork",
    "audiodiff.networks.spectral.SpectralDiffWave",
    "audiodiff.networks.spectral_diffwave.SpectralDiffWave",
    "audiodiff.networks.spectral_generator.SpectralGenerator",
    "audiodiff.priors.magnitudes.NnlsMagnitudes",
    "audiodiff.priors.nnls_magnitudes.NnlsMagnitudes",
]
LEFT_CONFIGS = [
    "audiodiff.networks.SpectralDiffWave",
    "audiodiff.training.inversion.Endpoint",
    "audiodiff.training.inversion.Rollout",
    "audiodiff.training.inversion_objectives.Endpoint",
    "audiodiff.training.inversion_objectives.Rollout",
    "audiodiff.training.features.InversionFeatures",
    "audiodiff.training.model_features.InversionFeatures",
    "audiodiff.training.model_features.MeanFeatures",
    "audiodiff.training.refinement.Refinement",
]
OLD = {current: old for old, current in MOVED.items() if old != "audiodiff.audio.MelSpec"}


@pytest.mark.parametrize("path", IN_BUNDLES)
def test_a_bundle_may_name_the_old_place(path):
    assert resolve(path).__name__ == path.rpartition(".")[2]


@pytest.mark.parametrize("path", [*IN_BUNDLES, *IN_CONFIGS])
def test_an_old_path_leads_to_an_object_of_that_name(path):
    module, _, name = current(path).rpartition(".")
    assert getattr(import_module(module), name).__name__ == name


def test_nothing_of_today_counts_as_old():
    for path in MOVED.values():
        assert current(path) == path


def farewell(path):
    """The sentence for a class that has left."""
    package, name = ".".join(path.split(".")[:2]), path.rpartition(".")[2]
    commit = LEFT[f"{package}.{name}"]
    return f"{name} left audiodiff before 0.1.0, its first release: commit {commit} still has it"


@pytest.mark.parametrize("path", LEFT_BUNDLES)
def test_a_bundle_of_what_has_left_is_refused_in_a_sentence(path, tmp_path):
    folder = save_bundle(tmp_path / "old", "old", TINY_TREE, build_tree(canonical(TINY_TREE)["model"]), card="")
    config = json.loads((folder / "config.json").read_text())
    model = config["model"]
    part = model["prior"]["magnitudes"] if ".priors." in path else model["denoiser"]["network"]
    part |= {"_target_": path, "whatever": "it took"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BundleError) as refusal:
        Vocoder.from_pretrained(folder)
    assert str(refusal.value) == farewell(path)


@pytest.mark.parametrize("path", LEFT_CONFIGS)
def test_a_config_of_what_has_left_is_refused_in_a_sentence(path):
    with pytest.raises(ConfigError) as refusal:
        build(OmegaConf.create({"model": {"_target_": path, "_partial_": True}}))
    assert str(refusal.value) == farewell(path)


@pytest.mark.parametrize("path", LEFT)
def test_what_has_left_is_nowhere(path):
    package, _, name = path.rpartition(".")
    assert not any(hasattr(module, name) for key, module in sys.modules.items() if key.startswith(package))
    assert any(old.endswith(f".{name}") for old in (*LEFT_BUNDLES, *LEFT_CONFIGS))


def test_a_bundle_of_the_former_release_speaks_as_before(tmp_path):
    folder = copytree(BUNDLES / "ljspeech-tiny", tmp_path / "old")
    config = json.loads((folder / "config.json").read_text())
    former = as_before(config)
    assert former["model"]["_target_"] == "audiodiff.model.DiffusionModel"
    assert former["sampler"]["_target_"] == "audiodiff.diffusion.samplers.ddim.ddim"
    (folder / "config.json").write_text(json.dumps(former))
    old, new = Vocoder.from_pretrained(folder), Vocoder.from_pretrained("ljspeech-tiny")
    mel = torch.linspace(-8, 0, 80 * 12).reshape(80, 12)
    assert old(mel, spec=old.mel_spec).equal(new(mel, spec=new.mel_spec))
    old.save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "config.json").read_text())["model"] == config["model"]


def test_a_users_config_is_built():
    mel = {"_target_": "audiodiff.audio.MelSpec", **convention("hifigan_22k").to_dict()}
    node = OmegaConf.create({"mel": mel, "features": {"mel": "${mel}", "others": ["${mel}"]}})
    built = build(node.features)
    assert built["mel"] == built["others"][0] == convention("hifigan_22k")
    assert isinstance(built["mel"], MelSpec)


def test_a_run_of_the_former_release_goes_on():
    theirs = {"model._target_": "audiodiff.model.DiffusionModel", "seed": 1}
    assert not differences(theirs, {"model._target_": "audiodiff.models.diffusion_model.DiffusionModel", "seed": 1})
    assert differences(theirs, {"model._target_": "audiodiff.models.generative_model.GenerativeModel", "seed": 1})


def test_a_tree_keeps_all_but_its_targets():
    tree = {"_target_": "audiodiff.model.DiffusionModel", "name": "audiodiff.model", "list": [{"_target_": "other.X"}]}
    fresh = brought_up_to_date(tree)
    assert fresh == tree | {"_target_": "audiodiff.models.diffusion_model.DiffusionModel"}


def as_before(node):
    """A tree of constructors as the former release would have written it."""
    if isinstance(node, list):
        return [as_before(item) for item in node]
    if not isinstance(node, dict):
        return node
    old = {key: as_before(value) for key, value in node.items()}
    if "_target_" in old:
        module, _, name = old["_target_"].rpartition(".")
        old["_target_"] = f"{OLD.get(module, module)}.{name}"
    return old
