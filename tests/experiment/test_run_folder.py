"""No run is lost to another one, and its log goes on where it goes on."""

import csv
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from audiodiff.bundle.format import load_bundle
from audiodiff.cli.main import app
from audiodiff.errors import InputError, OutputError
from audiodiff.experiment.run import train
from audiodiff.experiment.run_folder import claimed
from tests.runs import small

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, checkpoint folders, deprecations

TINY = ["experiment=ljspeech_diffwave", "name=mine", "trainer.val_check_interval=2"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def steps(run: Path) -> list[int]:
    with (run / "csv" / "metrics.csv").open(newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder above a run of two steps."""
    folder = tmp_path_factory.mktemp("finished")
    train(small(folder, *TINY, "trainer.max_steps=2"))
    return folder


def copied(finished: Path, folder: Path) -> Path:
    for name, content in contents(finished / "runs" / "mine").items():
        (folder / "runs" / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "runs" / "mine" / name).write_bytes(content)
    return folder / "runs" / "mine"


@pytest.mark.parametrize("kept", ["", "checkpoints/last.ckpt", "checkpoints/best.ckpt", "bundle/config.json"])
def test_the_same_command_again_is_refused_and_touches_nothing(finished, tmp_path, kept):
    """The rest of the earlier run: all of it, one checkpoint, or its bundle."""
    run = copied(finished, tmp_path)
    for name in contents(run):
        if kept and name != kept:
            (run / name).unlink()
    before = contents(run)
    for other in ([], ["seed=3"], [f"resume={finished}/runs/mine/checkpoints/last.ckpt"]):
        with pytest.raises(OutputError, match=r"--resume, .* name=NAME, .* --overwrite"):
            train(small(tmp_path, *TINY, "trainer.max_steps=3", *other))
        assert contents(run) == before


def test_overwrite_replaces_a_run_and_nothing_else(finished, tmp_path):
    run = copied(finished, tmp_path)
    (run / "notes.md").write_text("precious")
    train(small(tmp_path, *TINY, "trainer.max_steps=1", "seed=5", "overwrite=true"))
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 1
    assert load_bundle(run / "bundle").card.count("seed 5") == 1
    assert steps(run) == [0]
    assert (run / "notes.md").read_text() == "precious"


def test_overwriting_with_data_that_is_not_there_loses_nothing(finished, tmp_path):
    run = copied(finished, tmp_path)
    before = contents(run)
    config = small(tmp_path, *TINY, "overwrite=true")
    (Path(config.data.folder) / "train.jsonl").unlink()
    with pytest.raises(InputError, match="manifest"):
        train(config)
    assert {name: content for name, content in contents(run).items() if name in before} == before


def test_another_folder_or_a_run_without_anything_to_lose_is_free(tmp_path):
    config = small(tmp_path, *TINY, "trainer.max_steps=1")
    (tmp_path / "runs" / "mine" / "csv").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "csv" / "metrics.csv").write_text("step,train/loss\n0,9\n7,9\n")
    train(config)
    assert steps(tmp_path / "runs" / "mine") == [0]


def test_the_log_goes_on_behind_the_rows_of_the_steps_that_are_not_done_again(finished, tmp_path):
    run = copied(finished, tmp_path)
    log = run / "csv" / "metrics.csv"
    columns = log.read_text().splitlines()[0].split(",")
    later = {"step": "2", "train/loss": "77"}  # a step that was done behind the last checkpoint, before a kill
    log.write_text(log.read_text() + ",".join(later.get(name, "") for name in columns) + "\n9,1")
    train(small(tmp_path, *TINY, "trainer.max_steps=4", "resume=last"))
    assert steps(run) == [0, 1, 2, 3]
    assert "77" not in [row["train/loss"] for row in csv.DictReader(log.read_text().splitlines())]


def test_what_a_kill_left_half_written_goes_with_the_next_checkpoint(finished, tmp_path):
    run = copied(finished, tmp_path)
    for name in (".last.0123abcd.ckpt", ".best.0123abcd.ckpt"):
        (run / "checkpoints" / name).write_text("half")
    train(small(tmp_path, *TINY, "trainer.max_steps=4", "resume=last"))
    assert {path.name for path in (run / "checkpoints").iterdir()} <= {"last.ckpt", "best.ckpt", ".best.0123abcd.ckpt"}


def test_overwrite_is_a_flag_too(finished, tmp_path):
    copied(finished, tmp_path)
    paths = [f"paths.data={tmp_path}/data", f"paths.runs={tmp_path}/runs"]
    result = CliRunner().invoke(app, ["train", *TINY, *paths])
    assert isinstance(result.exception, OutputError)
    result = CliRunner().invoke(app, ["train", *TINY, *paths, "--overwrite", "trainer.accelerator=cpu"])
    assert isinstance(result.exception, InputError), "it gets as far as the manifest, which is not there"


def test_two_runs_at_the_same_moment_do_not_share_a_folder(tmp_path, monkeypatch):
    run = tmp_path / "runs" / "mine"
    monkeypatch.setattr("audiodiff.experiment.run.claimed", partial(claimed, patience=0.1))
    with claimed(run), pytest.raises(OutputError, match="another run is at work"):
        train(small(tmp_path, *TINY, "trainer.max_steps=2"))
    assert not run.exists()


def test_a_folder_is_free_when_its_run_is_killed(tmp_path):
    holds = "import sys, time; from audiodiff.experiment.run_folder import claimed; from pathlib import Path\n"
    holds += "with claimed(Path(sys.argv[1])):\n    print('mine', flush=True); time.sleep(100)"
    with subprocess.Popen([sys.executable, "-c", holds, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"mine\n"
        with pytest.raises(OutputError, match="another run is at work"), claimed(tmp_path, patience=0):
            pass
        process.kill()
    with claimed(tmp_path):
        pass
