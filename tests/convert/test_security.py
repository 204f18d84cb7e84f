"""What strangers send is refused before any of it runs."""

import json
import os
import pickle
import struct
import zipfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import CONFIG, WEIGHTS, load_bundle, save_bundle
from audiodiff.cli.main import main
from audiodiff.convert import convert
from audiodiff.errors import AudiodiffError, BundleError, CheckpointError, MelError
from audiodiff.mel import read_mel
from tests.convert import foreign
from tests.trees import TINY_TREE


class Payload:
    """Creates the file `marker` when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "executed"


def zipped(content, path):
    torch.save(content, path)


def legacy(content, path):
    torch.save(content, path, _use_new_zipfile_serialization=False)


def pickled(protocol):
    return lambda content, path: path.write_bytes(pickle.dumps(content, protocol=protocol))


FORMATS = {"zip": zipped, "legacy": legacy} | {f"pickle{protocol}": pickled(protocol) for protocol in (0, 2, 4, 5)}
PLACES = {
    "alone": lambda payload: payload,
    "optimizer": lambda payload: {"model": {}, "params": {}, "optimizer": payload},
    "params": lambda payload: {"model": {"residual_layers.0.x": torch.ones(1)}, "params": {"use_prior": payload}},
    "namespace": lambda payload: {"model_state_dict": {}, "config": Namespace(T=payload)},
}


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["weights.pt", "300.pkl", "diffwave.ckpt"])
def test_pickled_code_does_not_run(write, place, name, marker, tmp_path):
    FORMATS[write](PLACES[place](Payload(marker)), tmp_path / name)
    with pytest.raises(CheckpointError):
        convert(tmp_path / name)
    assert not marker.exists()


def test_what_is_no_pickle_is_not_said_to_hold_more(tmp_path):
    (tmp_path / "weights.pt").write_text("weights, one day")
    with pytest.raises(CheckpointError, match=r"weights\.pt is damaged or no torch checkpoint$"):
        convert(tmp_path / "weights.pt")


def test_the_payload_would_run(marker, tmp_path):
    """The tests above would be worthless with a payload that does nothing."""
    zipped(Payload(marker), tmp_path / "weights.pt")
    torch.load(tmp_path / "weights.pt", weights_only=False)
    assert marker.exists()


def test_companions_do_not_run_code(marker, tmp_path):
    path = foreign.priorgrad(tmp_path)
    array = np.array([Payload(marker)], dtype=object)
    np.save(tmp_path / "stats_priorgrad" / "energy_min_train.npy", array, allow_pickle=True)
    with pytest.raises(CheckpointError, match="energy_min_train"):
        convert(path)
    path = foreign.bddm(tmp_path)
    zipped(Payload(marker), tmp_path / "7steps.ns")
    with pytest.raises(CheckpointError, match="7steps"):
        convert(path)
    assert not marker.exists()


def test_yaml_does_not_build_objects(marker, tmp_path):
    path = foreign.speechbrain(tmp_path)
    with (tmp_path / "hyperparams.yaml").open("a") as config:
        config.write(f"\nseed: !!python/object/apply:os.mkdir ['{marker}']\nnet: !new:os.mkdir ['{marker}']\n")
    assert convert(path).model.mel.n_mels == 80
    assert not marker.exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt", ".safetensors"])
def test_mel_files_do_not_run_code(suffix, marker, tmp_path):
    path = tmp_path / f"mel{suffix}"
    array = np.array([Payload(marker)], dtype=object)
    writers = {
        ".npy": lambda: np.save(path, array, allow_pickle=True),
        ".npz": lambda: np.savez(path, mel=array, allow_pickle=True),
        ".pt": lambda: zipped(Payload(marker), path),
        ".safetensors": lambda: zipped(Payload(marker), path),
    }
    writers[suffix]()
    with pytest.raises(MelError):
        read_mel(path)
    assert not marker.exists()


@pytest.fixture
def bundle(tmp_path):
    model = build(canonical(TINY_TREE)["model"])
    return save_bundle(tmp_path / "bundle", "tiny", TINY_TREE, model, "")


def edit(folder, change):
    config = json.loads((folder / CONFIG).read_text())
    change(config)
    (folder / CONFIG).write_text(json.dumps(config))


@pytest.mark.parametrize("write", FORMATS)
def test_bundles_do_not_unpickle(write, bundle, marker):
    FORMATS[write](Payload(marker), bundle / WEIGHTS)
    with pytest.raises(BundleError, match="safetensors"):
        load_bundle(bundle)
    assert not marker.exists()


@pytest.mark.parametrize("key", ["model", "sampler", "grid"])
@pytest.mark.parametrize(
    "target", ["os.mkdir", "audiodiff.bundle.format.shutil.rmtree", "audiodiff.diffusion.betas.torch.load"]
)
def test_configs_name_only_audiodiff_s_classes(key, target, bundle, marker):
    edit(bundle, lambda config: config.update({key: {"_target_": target, "path": str(marker)}}))
    with pytest.raises(BundleError, match="nothing was loaded"):
        load_bundle(bundle)
    assert not marker.exists()


NAMES = ["../evil", "/etc/passwd", "a/b", "a\\b", "..", "", None, 3, "a\n", ".hidden", "-o", "x" * 300]


@pytest.mark.parametrize("name", NAMES)
def test_names_lead_nowhere_else(name, bundle, tmp_path):
    edit(bundle, lambda config: config.update(name=name))
    with pytest.raises(BundleError, match="is no name"):
        load_bundle(bundle)
    model = build(canonical(TINY_TREE)["model"])
    with pytest.raises(BundleError, match="is no name"):
        save_bundle(tmp_path / "other", name, TINY_TREE, model, "")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", ["onnx", "torch-export"])
def test_exports_are_not_led_elsewhere(name, target, bundle, monkeypatch, capsys, tmp_path):
    """Without -o a file is named after its bundle."""
    edit(bundle, lambda config: config.update(name=name))
    monkeypatch.setattr("sys.argv", ["audiodiff", "export", str(bundle), "--to", target])
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.parent.rglob("*"))
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "is no name for a bundle" in capsys.readouterr().err
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_archives_with_paths_write_nothing(tmp_path):
    path = foreign.lmnt(tmp_path)
    before = sorted(tmp_path.parent.rglob("*"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../evil", b"x")
        archive.writestr("/tmp/../evil", b"x")
    try:
        convert(path)
    except CheckpointError:
        assert path.exists()
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize("claimed", [2**40, 2**63 - 1, 2**64 - 1])
def test_header_longer_than_the_file(claimed, bundle):
    (bundle / WEIGHTS).write_bytes(struct.pack("<Q", claimed) + b"{}")
    with pytest.raises(BundleError, match="safetensors"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"format": 1, "name": "' + "x" * (1 << 20) + '"}', id="too long"),
        pytest.param("[" * 100_000, id="too deep"),
        pytest.param("{" * 3, id="no json"),
    ],
)
def test_configs_beyond_measure(text, bundle):
    (bundle / CONFIG).write_text(text)
    with pytest.raises(BundleError):
        load_bundle(bundle)


@pytest.mark.parametrize(
    "change",
    [{"channels": 60_000}, {"layers": 10**6}, {"channels": 2**40}, {"channels": -1}, {"layers": 0}, {"layers": "x"}],
    ids=str,
)
def test_configs_that_ask_for_more_than_there_is(change, bundle):
    edit(bundle, lambda config: config["model"]["denoiser"]["network"].update(change))
    with pytest.raises(AudiodiffError):
        load_bundle(bundle)


def test_archives_that_inflate(tmp_path):
    path = tmp_path / "weights.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights/data.pkl", b"\0" * 10_000_000)
    with pytest.raises(CheckpointError, match="unpacks to"):
        convert(path)


def test_tensors_that_claim_more_than_they_hold(tmp_path):
    bias = "residual_layers.1.dilated_conv.bias"
    model = torch.load(foreign.lmnt(tmp_path), weights_only=True)["model"]
    path = foreign.lmnt(tmp_path, model=model | {bias: torch.zeros(1).expand(10**12)})
    with pytest.raises(CheckpointError, match=r"claims 1000000000000 numbers"):
        convert(path)


@pytest.mark.parametrize("text", ["[" * 10_000, "a: " * 1_000, "- 1\n- 2", "{", "x" * (2 << 20)], ids=len)
def test_broken_configs(text, tmp_path):
    path = foreign.speechbrain(tmp_path)
    (tmp_path / "hyperparams.yaml").write_text(text)
    with pytest.raises(CheckpointError, match="hyperparams"):
        convert(path)
