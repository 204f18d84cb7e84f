"""A bundle is whole or is the one before, however its writer ends."""

import time
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path
from random import Random

import pytest
import torch

from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import load_bundle, save_bundle
from audiodiff.errors import OutputError
from tests.training.test_checkpoints import full_disk
from tests.trees import TINY_TREE


def save(folder: Path, name: str) -> None:
    """Write a bundle whose weights are all the number at the end of its name."""
    model = build(canonical(TINY_TREE)["model"])
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(float(name.removeprefix("v")))
    save_bundle(folder, name, TINY_TREE, model, card=f"# {name}\n")


def save_for_ever(folder: Path, ready) -> None:
    """Write one bundle after the other in the same place."""
    for number in range(1, 100_000):
        save(folder, f"v{number % 2000}")
        ready.set()


def clean_processes() -> ForkServerContext:
    """Processes that come of one without threads: a fork of this one, which has computed, may wait for ever."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def assert_whole(folder: Path) -> None:
    """Config, weights and card are of one writing."""
    bundle = load_bundle(folder)
    number = float(bundle.name.removeprefix("v"))
    assert all((weight == number).all() for weight in bundle.model.parameters())
    assert bundle.card == f"# {bundle.name}\n"


def test_kill_9_at_any_moment_leaves_a_whole_bundle(tmp_path):
    chance, clean = Random(0), clean_processes()
    for _ in range(20):
        ready = clean.Event()
        child = clean.Process(target=save_for_ever, args=(tmp_path / "voice", ready))
        child.start()
        assert ready.wait(60)
        time.sleep(chance.random() * 0.1)
        child.kill()
        child.join()
        assert_whole(tmp_path / "voice")
    save(tmp_path / "voice", "v7")
    assert [path.name for path in tmp_path.iterdir()] == ["voice"], "what killed processes left is swept away"


def test_two_writers_at_a_time_leave_one_of_their_bundles(tmp_path):
    clean = clean_processes()
    children = [clean.Process(target=save, args=(tmp_path / "voice", f"v{number}")) for number in (1, 2, 3, 4)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert {child.exitcode for child in children} == {0}
    assert_whole(tmp_path / "voice")
    assert [path.name for path in tmp_path.iterdir()] == ["voice"]


def test_a_full_disk_leaves_the_bundle_before(tmp_path):
    save(tmp_path / "voice", "v1")
    model = build(canonical(TINY_TREE)["model"])
    model.register_buffer("large", torch.zeros(1 << 17))
    with full_disk(), pytest.raises(OutputError, match="cannot write"):
        save_bundle(tmp_path / "voice", "v2", TINY_TREE, model, card="")
    assert_whole(tmp_path / "voice")
    assert [path.name for path in tmp_path.iterdir()] == ["voice"]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_no_bundle_is_not_replaced(kind, tmp_path):
    if kind == "folder":
        (tmp_path / "voice").mkdir()
        (tmp_path / "voice" / "precious").touch()
    else:
        (tmp_path / "voice").touch()
    with pytest.raises(OutputError, match="no bundle"):
        save(tmp_path / "voice", "v1")
    assert [path.name for path in (tmp_path / "voice").iterdir()] == ["precious"] if kind == "folder" else True
