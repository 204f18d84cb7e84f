"""Bundles survive the round trip, and strangers' bundles cannot run code."""

import json

import pytest
import torch
from torch.testing import assert_close

from audiodiff.bundle.constructors import build, canonical, resolve
from audiodiff.bundle.format import CONFIG, WEIGHTS, load_bundle, save_bundle
from audiodiff.diffusion import StraightPath
from audiodiff.errors import BundleError, UntrustedBundleError
from audiodiff.mel import MelSpec
from tests.trees import TINY_TREE


@pytest.fixture
def bundle(tmp_path):
    torch.manual_seed(0)
    model = build(canonical(TINY_TREE)["model"])
    return save_bundle(tmp_path / "tiny", "tiny", TINY_TREE, model, card="# tiny\n"), model


def edit(folder, change):
    path = folder / CONFIG
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def test_round_trip(bundle):
    folder, model = bundle
    loaded = load_bundle(folder)
    assert loaded.name == "tiny"
    assert loaded.model.mel == model.mel
    expected = {key: value.half().float() for key, value in model.state_dict().items()}
    assert_close(dict(loaded.model.state_dict()), expected, rtol=0, atol=0)
    assert len(loaded.grid(StraightPath())) == 5
    assert (folder / "README.md").read_text() == "# tiny\n"


def test_saving_again_replaces_the_whole_folder(bundle):
    folder, model = bundle
    (folder / "stray").touch()
    save_bundle(folder, "other", TINY_TREE, model, card="")
    assert load_bundle(folder).name == "other"
    assert not (folder / "stray").exists()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["tiny"]


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "torch.load",
        "audiodiff.networks.os.system",
        "audiodiff.networks.diffwave.sqrt",
        "audiodiff.networks.diffwave.nn.Linear",
        "audiodiff.networks.DiffWave",
        "audiodiff.audio.io.save_audio",
        "audiodiff.mel.front_end.MelSpec",
        "audiodiff.bundle.format.load_bundle",
        "audiodiff.experiment.run.train",
        "audiodiff.networks.nothing.Here",
        "audiodiff.networks.diffwave.Nothing",
        "",
        "audiodiff",
    ],
)
def test_only_audiodiff_s_own_classes_are_built(bundle, target):
    folder, _ = bundle
    with pytest.raises(UntrustedBundleError):
        resolve(target)
    edit(folder, lambda config: config["model"]["denoiser"]["network"].update(_target_=target))
    with pytest.raises(UntrustedBundleError):
        load_bundle(folder)


def test_damaged_bundles_are_refused(bundle, tmp_path):
    folder, _ = bundle
    with pytest.raises(BundleError, match="no bundle"):
        load_bundle(tmp_path / "nowhere")
    weights = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(weights[:-100])
    with pytest.raises(BundleError, match="safetensors"):
        load_bundle(folder)
    (folder / WEIGHTS).write_bytes(weights)
    edit(folder, lambda config: config["model"]["denoiser"]["network"].update(channels=16))
    with pytest.raises(BundleError, match="does not fit"):
        load_bundle(folder)
    edit(folder, lambda config: config["model"]["denoiser"]["network"].update(chanels=16))
    with pytest.raises(BundleError, match="chanels"):
        load_bundle(folder)
    edit(folder, lambda config: config.update(format=99))
    with pytest.raises(BundleError, match="99"):
        load_bundle(folder)
    (folder / CONFIG).write_text('{"model_type": "vits"}')
    with pytest.raises(BundleError, match="no config of a bundle"):
        load_bundle(folder)
    (folder / CONFIG).write_text("{")
    with pytest.raises(BundleError, match="damaged"):
        load_bundle(folder)


def test_weights_that_are_a_pickle_are_not_opened(bundle):
    folder, model = bundle
    torch.save(model.state_dict(), folder / WEIGHTS)
    with pytest.raises(BundleError, match="safetensors"):
        load_bundle(folder)


def test_canonical_paths_name_the_defining_module():
    assert canonical({"_target_": "audiodiff.mel.MelSpec"})["_target_"] == f"{MelSpec.__module__}.MelSpec"
