"""Bundles that take their prior's weights from a voice that ships."""

import json

import pytest
import torch
from safetensors.torch import load_file

from audiodiff.bundle import load_bundle, save_bundle
from audiodiff.bundle.format import CONFIG, WEIGHTS
from audiodiff.bundle.location import bundle_folder
from audiodiff.errors import BundleError

VOICE = "ljspeech-fast"


@pytest.fixture(scope="module")
def whole():
    return load_bundle(bundle_folder(VOICE))


@pytest.fixture
def light(whole, tmp_path):
    return save_bundle(tmp_path / "light", "light", whole.config, whole.model, "", prior_of=VOICE)


def test_a_shared_prior_is_stored_once_and_loaded_whole(whole, light):
    assert not any(name.startswith("prior.") for name in load_file(light / WEIGHTS))
    loaded = load_bundle(light).model.state_dict()
    assert loaded.keys() == whole.model.state_dict().keys()
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(loaded[name], tensor)


def test_a_bundle_that_is_written_again_holds_everything(light, tmp_path):
    loaded = load_bundle(light)
    again = save_bundle(tmp_path / "again", "again", loaded.config, loaded.model, "")
    assert "prior_of" not in json.loads((again / CONFIG).read_text())
    assert any(name.startswith("prior.") for name in load_file(again / WEIGHTS))


def test_another_prior_is_not_shared(whole, tmp_path):
    """What would be left out is not what lies there."""
    other = load_bundle(bundle_folder(VOICE)).model
    next(other.prior.filter.parameters()).data.mul_(1.01)
    with pytest.raises(BundleError, match="another release"):
        save_bundle(tmp_path / "other", "other", whole.config, other, "", prior_of=VOICE)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "shared", ["ljspeech-fast", {"voice": "../ljspeech-fast"}, {"voice": ["x"]}, {"voice": "nobody"}, 7, []]
)
def test_a_strange_prior_of_is_refused(light, shared):
    config = json.loads((light / CONFIG).read_text())
    (light / CONFIG).write_text(json.dumps(config | {"prior_of": shared}))
    with pytest.raises(BundleError, match=r"prior_of|another release"):
        load_bundle(light)


def test_a_prior_of_another_release_is_refused(light):
    config = json.loads((light / CONFIG).read_text())
    config["prior_of"]["sha256"] = "0" * 64
    (light / CONFIG).write_text(json.dumps(config))
    with pytest.raises(BundleError, match="another release's prior of ljspeech-fast"):
        load_bundle(light)
