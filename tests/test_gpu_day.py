"""A day with a GPU, rehearsed on a processor: packed, carried to an empty folder, and run there without a network."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from importlib.util import find_spec

import pytest
import soundfile
import torch

from audiodiff.data import Utterance, write_manifest
from tests.conftest import ROOT

SMALL = [
    *("network.layers=2", "network.channels=8", "data.batch_size=1", "data.segment=8", "data.workers=0"),
    *("trainer.max_steps=2", "trainer.val_check_interval=2", "callbacks=no_preview"),
]
NO_NETWORK = """
import socket
def refused(*_, **__):
    raise OSError("this machine has no network")
socket.socket.connect = socket.getaddrinfo = refused
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The packed folder: all code, two clips, no wheels, no bundle but the smallest."""
    folder = tmp_path_factory.mktemp("gpu")
    for split, name in (("train", "LJ001-0008"), ("valid", "LJ001-0002")):
        clip = ROOT / "tests/clips" / f"{name}.flac"
        row = Utterance(id=name, path=clip, duration=soundfile.info(clip).duration, sample_rate=22050)
        write_manifest(folder / "data" / f"{split}.jsonl", [row])
    options = ["--data", folder / "data", "--bundles", "ljspeech-tiny", "--mib", "8", "--no-wheels"]
    command = [sys.executable, ROOT / "benchmarks/gpu_pack.py", folder / "day", *options]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment(ROOT))
    assert result.returncode == 0, result.stderr
    assert "1 recordings to train on, 1 to validate on" in result.stdout
    return folder / "day"


def environment(*paths):
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}


def day(packed, out, *arguments):
    """Run the day in the packed folder, where nothing else of audiodiff can be imported and no host be reached."""
    without = packed.parent / "without"
    without.mkdir(exist_ok=True)
    (without / "sitecustomize.py").write_text(NO_NETWORK)
    command = [sys.executable, "benchmarks/gpu_day.py", *SMALL, "--out", str(out), "--tiny", *arguments]
    result = subprocess.run(command, cwd=packed, env=environment(packed, without), capture_output=True, text=True)
    log = (out / "day.txt").read_text()
    assert result.returncode == 0, result.stdout + result.stderr + log
    return json.loads((out / "day.json").read_text()), log


def test_a_bundle_travels_with_the_voice_whose_prior_it_shares(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from gpu_pack import with_their_priors

    assert with_their_priors(["diffwave-ljspeech"]) == ["diffwave-ljspeech", "ljspeech-fast"]
    assert with_their_priors(["ljspeech-tiny", "mine"]) == ["ljspeech-tiny", "mine"]


def test_what_is_packed_is_small_and_has_no_machine_in_it(packed):
    files = [path for path in packed.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8 * 2**20
    assert {path.parent.name for path in files if path.suffix == ".safetensors"} >= {"ljspeech-tiny"}
    assert not (packed / "audiodiff/bundles/universal").exists()
    for manifest in packed.glob("data/**/*.jsonl"):
        (row,) = [json.loads(line) for line in manifest.read_text().splitlines()]
        assert row["path"] == f"clips/{row['id']}.flac"


def test_the_stages_that_measure(packed, tmp_path):
    if find_spec("diffwave") is None:
        pytest.skip("needs lmnt's diffwave")
    report, log = day(packed, tmp_path, "--stages", "tests,sampling,training", "--minutes", "4,4,4")
    assert [outcome["stage"] for outcome in report["commands"]] == ["tests", "sampling", "training", "training"]
    for row in ("lmnt, exact", "fused, one graph, float32", "steps/s", "passed"):
        assert row in log
    (laps,) = json.loads((tmp_path / "speed-gpu.json").read_text())
    assert len(laps["medians"]) == 12


def test_a_training_goes_on_where_the_day_before_left_it(packed, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    day(packed, first, "--stages", "train", "--minutes", "4")
    parts = sorted(path.name for path in first.iterdir())
    assert parts == ["day.json", "day.txt", "train.tar.000", "train.tar.sha256"]
    joined = tmp_path / "train.tar"
    join = [sys.executable, "benchmarks/parts.py", "join", first, joined]
    subprocess.run(join, cwd=packed, check=True)
    with tarfile.open(joined) as tar:
        tar.extractall(tmp_path / "run", filter="data")
    found = {path.name for path in (tmp_path / "run").iterdir()}
    assert found == {"last.ckpt", "bundle", "csv", "clips"}
    assert len(list((tmp_path / "run/clips").iterdir())) == 1
    assert torch.load(tmp_path / "run/last.ckpt", weights_only=True)["global_step"] == 2

    _, log = day(packed, second, "trainer.max_steps=4", "--stages", "train", "--minutes", "4", "--average-only")
    assert "--resume" in log
    average = packed / "runs/ljspeech_diffwave/average.ckpt"
    assert list(torch.load(average, weights_only=True)) == ["state_dict"]
    last = torch.load(packed / "runs/ljspeech_diffwave/checkpoints/last.ckpt", weights_only=True)
    assert last["global_step"] == 4


def test_parts_that_are_damaged_are_not_joined(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from parts import join, split

    file = tmp_path / "large"
    file.write_bytes(os.urandom(2500))
    parts = split(file, tmp_path / "parts", mib=1000 / 2**20)
    assert [part.stat().st_size for part in parts] == [1000, 1000, 500]
    join(tmp_path / "parts", tmp_path / "again" / "large")
    again = (tmp_path / "again" / "large").read_bytes()
    assert hashlib.sha256(again).digest() == hashlib.sha256(file.read_bytes()).digest()
    parts[1].write_bytes(b"")
    with pytest.raises(ValueError, match="not whole"):
        join(tmp_path / "parts", tmp_path / "again" / "large")
    assert not (tmp_path / "again" / "large").exists()
