"""Weights that a run begins with: from checkpoints and bundles, said, and refused where they do not fit."""

import pytest
import torch

from audiodiff.bundle.format import load_bundle
from audiodiff.bundle.location import bundle_folder
from audiodiff.errors import InputError
from audiodiff.experiment.config import build, compose_config
from audiodiff.experiment.first_weights import load_first, weights_of


@pytest.fixture(scope="module")
def model():
    """The model of experiment=finetune, as it is before it is given weights."""
    torch.manual_seed(0)
    return build(compose_config("train", ["experiment=finetune"]).model)


def test_a_bundle_by_name_or_folder_gives_all_of_a_model_like_it(model, capsys):
    folder = bundle_folder("universal")
    for source in ("universal", str(folder)):
        torch.nn.init.zeros_(next(model.parameters()))
        said = load_first(model, source)
        assert said == f"init_from={source}: took {len(model.state_dict())} tensors"
        assert said in capsys.readouterr().out
        for name, tensor in load_bundle(folder).model.state_dict().items():
            assert torch.equal(model.state_dict()[name], tensor)


def test_a_checkpoint_gives_what_fits_and_the_rest_is_named(tmp_path, model):
    """Of a checkpoint with one tensor less, one of another shape, and one that nobody wants."""
    state = {f"objective.model.{name}": tensor for name, tensor in model.state_dict().items()}
    lost, bent, *_ = [name for name in state if "spread" in name and state[name].ndim > 1]
    del state[lost]
    state[bent] = torch.zeros(3)
    state["objective.model.other.weight"] = torch.zeros(2)
    torch.save({"state_dict": state, "global_step": 1}, tmp_path / "last.ckpt")
    said = load_first(model, str(tmp_path / "last.ckpt"))
    assert f"took {len(state) - 2} tensors" in said
    for name, words in ((bent, "of another shape there"), (lost, "not there")):
        start = ".".join(name.removeprefix("objective.model.").split(".")[:3])
        assert f"{words} and left as they were: {start}" in said
    assert said.endswith("there and of no use: other.weight")


def test_another_network_is_refused_and_touches_nothing(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(InputError, match=r"fsdd-digits: too little fits any .*denoiser\.network \d+%"):
        load_first(model, "fsdd-digits")
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_one_network_of_a_source_is_enough(model, capsys):
    """The denoiser of a voice for one mel goes on in a voice for all of them."""
    said = load_first(model, "ljspeech-fast")
    assert "of another shape there and left as they were: prior." in said
    name = next(name for name in model.state_dict() if name.startswith("denoiser.network") and "onset" not in name)
    assert torch.equal(model.state_dict()[name], load_bundle(bundle_folder("ljspeech-fast")).model.state_dict()[name])


def test_a_source_that_is_not_there_is_refused_with_what_there_is(tmp_path):
    with pytest.raises(InputError, match=r"cannot start from univrsal: .* one of .*universal"):
        weights_of("univrsal")
    with pytest.raises(InputError, match="no such checkpoint"):
        weights_of(str(tmp_path / "absent.ckpt"))
    (tmp_path / "bundle").mkdir()
    with pytest.raises(InputError, match="its bundle is in the folder bundle"):
        weights_of(str(tmp_path))
