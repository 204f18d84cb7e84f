"""`audiodiff train`: every experiment, the debug presets, what is refused, and what a stopped run leaves behind."""

import csv
import json
import re

import pytest
import torch
import torch.distributed as dist
from typer.testing import CliRunner

from audiodiff.bundle.format import load_bundle
from audiodiff.cli.main import app
from audiodiff.errors import BundleError, ConfigError, InputError, TrainingError
from audiodiff.experiment.config import config_dir
from audiodiff.experiment.run import build_model, run_training, train
from audiodiff.training.debug import SameBatch
from tests.runs import QUICK, SMALL, small
from tests.training.toys import Record, run

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, checkpoint folders, deprecations

EXPERIMENTS = sorted(path.stem for path in (config_dir() / "experiment").glob("*.yaml"))
TWO_STEPS = ["trainer.max_steps=2", "trainer.val_check_interval=2"]
FAST = "experiment=ljspeech_residual"


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_experiment_trains_two_steps(tmp_path, experiment):
    config = small(tmp_path, f"experiment={experiment}", *TWO_STEPS)
    bundle = load_bundle(train(config))
    assert bundle.name == experiment
    checkpoint = torch.load(tmp_path / "runs" / experiment / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 2


def test_a_run_that_breaks_leaves_its_best_bundle(tmp_path):
    stop = ["+callbacks.stop._target_=tests.runs.Stop", "+callbacks.stop.after=2"]
    config = small(tmp_path, FAST, "trainer.max_steps=4", "trainer.val_check_interval=1", *stop)
    with pytest.raises(RuntimeError, match="power"):
        train(config)
    run_folder = tmp_path / "runs" / "ljspeech_residual"
    best = torch.load(run_folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    for name, tensor in load_bundle(run_folder / "bundle").model.state_dict().items():
        assert torch.equal(tensor.half(), best[f"objective.model.{name}"].half())
    with open(run_folder / "csv" / "metrics.csv", newline="") as file:
        scores = [float(row["valid/mr_stft"]) for row in csv.DictReader(file) if row["valid/mr_stft"]]
    assert len(scores) == 2


def test_a_job_of_processes_leaves_their_group(tmp_path):
    """At the interpreter's end its threads would abort a process that had done all of its work."""
    train(small(tmp_path, FAST, *TWO_STEPS, "+trainer.strategy=ddp"))
    assert not dist.is_initialized()


def test_the_metric_that_chooses_must_be_logged(tmp_path):
    config = small(tmp_path, FAST, "callbacks.preview=null", *TWO_STEPS)
    with pytest.raises(ConfigError, match="valid/mr_stft"):
        train(config)


def test_checkpoints_of_another_run_are_refused_field_by_field(tmp_path):
    train(small(tmp_path, FAST, *TWO_STEPS))
    other = small(tmp_path, FAST, *TWO_STEPS, "resume=last", "seed=3")
    other.network.channels = 16
    with pytest.raises(ConfigError, match=r"network\.channels was 8, now 16; .*seed was 0, now 3"):
        train(other)
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes((tmp_path / "runs/ljspeech_residual/checkpoints/last.ckpt").read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot resume from"):
        train(small(tmp_path, FAST, f"resume={damaged}"))


def test_resume_is_a_flag_too(tmp_path):
    paths = [f"paths.data={tmp_path}/data", f"paths.runs={tmp_path}/runs"]
    result = CliRunner().invoke(app, ["train", FAST, *paths, "--resume"])
    assert isinstance(result.exception, InputError)
    assert "last.ckpt" in str(result.exception)


def test_a_name_that_no_bundle_may_have_is_refused_before_training(tmp_path):
    with pytest.raises(BundleError, match="a/b"):
        train(small(tmp_path, FAST, "name=a/b"))


def test_replay_needs_a_kept_batch(tmp_path):
    with pytest.raises(InputError, match="cannot replay"):
        run_training(["experiment=ljspeech_diffwave", "network.layers=2", f"replay={tmp_path}/absent.pt"])


def test_one_batch_goes_all_the_way(tmp_path):
    bundle = train(small(tmp_path, FAST, "debug=one_batch"))
    assert load_bundle(bundle).name == "debug_one_batch"
    last = torch.load(bundle.parent / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 1


def test_overfit_repeats_one_batch(tmp_path):
    assert small(tmp_path, FAST, "debug=overfit").callbacks.same_batch
    record = Record()
    run(tmp_path, SameBatch(), record, steps=9, val_check_interval=9)
    assert len({str(keys) for keys in record.keys.values()}) == 1
    assert len(set(record.losses.values())) == 9


def test_the_profiler_says_where_the_time_goes(tmp_path):
    folder = train(small(tmp_path, "experiment=ljspeech_diffwave", "debug=profiler")).parent
    assert "aten::conv" in "".join(table.read_text() for table in folder.glob("*profile*.txt"))
    assert all(json.loads(trace.read_text())["traceEvents"] for trace in folder.glob("*.json"))
    assert list(folder.glob("*.json"))


@pytest.mark.parametrize("experiment", ["ljspeech_diffwave", "ljspeech_residual"])
def test_compiled_networks_keep_the_names_of_their_weights(tmp_path, experiment):
    plain, compiled = (
        build_model(small(tmp_path, f"experiment={experiment}", f"compile={backend}"))
        for backend in ("null", "inductor")
    )
    assert plain.state_dict().keys() == compiled.state_dict().keys()
    networks = {name: module for name, module in compiled.named_modules() if module._compiled_call_impl is not None}
    assert "denoiser.network" in networks
    assert ("prior.filter" in networks) == (experiment == "ljspeech_residual")
    assert not [module for module in plain.modules() if module._compiled_call_impl is not None]
    with pytest.raises(ConfigError, match="nothing"):
        build_model(small(tmp_path, f"experiment={experiment}", "compile=nothing"))


def test_a_sweep_trains_every_combination(tmp_path, capsys):
    """The scores are printed, best first; each run has a folder of its own."""
    small(tmp_path, "experiment=ljspeech_diffwave")
    sizes = [f"{name}={value}" for name, value in SMALL.items() if "prior" not in name and "step" not in name]
    sizes = [size for size in sizes if not size.startswith("features")]
    paths = [f"paths.data={tmp_path}/data", f"paths.runs={tmp_path}/runs", "grid=uniform", "grid.n_steps=2"]
    sweep = ["experiment=ljspeech_diffwave", "schedule=vp,cosine", *sizes, *paths, *QUICK, *TWO_STEPS]
    from audiodiff.experiment.sweep import run_sweep

    run_sweep(sweep)
    printed = capsys.readouterr().out
    assert re.search(r"schedule=(vp|cosine) .*schedule=(vp|cosine) ", printed, re.DOTALL)
    assert "max_steps" not in printed
    folder = tmp_path / "runs" / "ljspeech_diffwave"
    assert {path.name for path in folder.iterdir()} == {"0", "1", "multirun.yaml"}
    assert all(load_bundle(folder / job / "bundle") for job in ("0", "1"))


def test_a_sweep_prints_its_table_when_a_combination_fails(tmp_path, capsys):
    from audiodiff.experiment.sweep import run_sweep

    small(tmp_path, "experiment=ljspeech_diffwave")
    sizes = ["network.channels=4", "network.layers=2", "data.batch_size=2", "data.segment=16", "data.workers=0"]
    paths = [f"paths.data={tmp_path}/data", f"paths.runs={tmp_path}/runs", "data.valid_frames=32"]
    with pytest.raises(TrainingError, match=r"1 of 2 combinations failed: run 0: .*network\.outputs=1"):
        run_sweep(["experiment=ljspeech_diffwave", "network.outputs=2,1", *sizes, *paths, *QUICK, *TWO_STEPS])
    assert re.search(r"network\.outputs=1 .*network\.outputs=2 +│ +inf", capsys.readouterr().out, re.DOTALL)
