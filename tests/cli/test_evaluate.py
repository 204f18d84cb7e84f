"""`audiodiff evaluate` and `audiodiff tune` as people type them."""

import json
import shutil
import sys
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
import torch

from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import CONFIG, add_grid, save_bundle
from audiodiff.cli.main import main
from audiodiff.errors import BundleError
from audiodiff.evaluation.metrics import METRICS
from audiodiff.vocoder import Vocoder
from tests.conftest import ROOT
from tests.trees import TINY_TREE

CLIPS = ROOT / "tests" / "clips"


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def audiodiff(monkeypatch, capsys):
    """Run the command."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["audiodiff", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "250")
        with pytest.raises(SystemExit) as stopped:
            main()
        return Result(stopped.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def bundle(tmp_path):
    """A random network whose last layer is not zero, so that the grid makes a difference."""
    torch.manual_seed(0)
    model = build(canonical(TINY_TREE)["model"])
    torch.nn.init.normal_(model.denoiser.network.output.weight, std=0.05)
    return save_bundle(tmp_path / "tiny", "tiny", TINY_TREE, model, card="# tiny\n")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Short references, and two systems that add noise to them, the second one less."""
    root = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for folder in ("reference", "noisy", "better"):
        (root / folder).mkdir()
    for path in sorted(CLIPS.glob("*.flac")):
        wave, rate = soundfile.read(path, stop=16000)
        soundfile.write(root / "reference" / path.name, wave, rate)
        noise = rng.standard_normal(len(wave))
        soundfile.write(root / "noisy" / path.name, wave + 0.02 * noise, rate)
        soundfile.write(root / "better" / path.name, wave + 0.002 * noise, rate)
    soundfile.write(root / "noisy" / "mute.wav", np.zeros(16000), 22050)
    soundfile.write(root / "reference" / "mute.wav", np.zeros(16000), 22050)
    return root


def read(path):
    return json.loads(path.read_text(), parse_constant=pytest.fail)


def test_folders_give_a_table_and_what_was_left_out(audiodiff, recordings):
    result = audiodiff("evaluate", recordings / "noisy", recordings / "reference")
    assert result.returncode == 0, result.stderr
    for words in ("LJ001-0002", "LJ001-0008", "pesq", "log_mel", "excluded from noisy: mute: reference is silent"):
        assert words in result.stdout
    assert "nan" not in result.stdout.lower()


def test_a_report_holds_both_systems_and_their_comparison(audiodiff, recordings, tmp_path):
    command = ("evaluate", recordings / "noisy", recordings / "reference", "--against", recordings / "better")
    result = audiodiff(*command, "--out", tmp_path / "out", "--examples", 1)
    assert result.returncode == 0, result.stderr
    assert "noisy minus better" in result.stdout
    record = read(tmp_path / "out" / "report.json")
    noisy, better = record["systems"]
    assert noisy["means"]["log_mel"]["mean"] > better["means"]["log_mel"]["mean"]
    assert record["comparisons"][0]["differences"]["mr_stft"]["better"] == "better"
    assert (tmp_path / "out" / "report.html").stat().st_size > 100_000
    again = audiodiff(*command, "--out", tmp_path / "out")
    assert again.returncode == 2
    assert "--overwrite" in again.stderr


def test_two_files_are_a_pair(audiodiff, recordings, tmp_path):
    files = [recordings / folder / "LJ001-0002.flac" for folder in ("better", "reference")]
    assert audiodiff("evaluate", *files, "-o", tmp_path).returncode == 0
    system = read(tmp_path / "report.json")["systems"][0]
    assert system["utterances"] == 1
    assert system["means"]["pesq"]["low"] is None


def test_a_model_is_measured_at_every_step_count(audiodiff, recordings, bundle, tmp_path):
    result = audiodiff(
        *("evaluate", "--model", bundle, "--data", recordings / "reference", "--sampler", "ddim"),
        *("--steps", "1,3", "--out", tmp_path / "out", "--examples", 0),
    )
    assert result.returncode == 0, result.stderr
    record = read(tmp_path / "out" / "report.json")
    assert [system["name"] for system in record["systems"]] == ["tiny-ddim-1", "tiny-ddim-3"]
    for steps, system in zip((1, 3), record["systems"], strict=True):
        assert system["facts"]["n_steps"] == steps
        assert system["facts"]["latency"] > 0
        assert system["means"]["rtf"]["n"] == 2
        assert [item["id"] for item in system["excluded"]] == ["mute"]
    assert record["machine"]["threads"] == torch.get_num_threads()
    wave, rate = soundfile.read(tmp_path / "out" / "audio" / "tiny-ddim-3" / "LJ001-0002.wav")
    assert (len(wave), rate) == (16000 // 256 * 256, 22050)


def test_worse_mels_are_vocoded_too_and_give_slopes(audiodiff, recordings, bundle, tmp_path):
    result = audiodiff(
        *("evaluate", "--model", bundle, "--data", recordings / "reference", "--steps", "1", "--no-distillmos"),
        *("--perturb", "noise=.5,noise=1,blur-bands=3", "--out", tmp_path / "out", "--examples", 0),
    )
    assert result.returncode == 0, result.stderr
    for words in ("Slopes of tiny-1", "noise, per nat", "0.5, 1", "blur-bands, per band"):
        assert words in result.stdout
    record = read(tmp_path / "out" / "report.json")
    clean, *others = record["systems"]
    assert [other["name"] for other in others] == [f"tiny-1+{one}" for one in ("noise=0.5", "noise=1", "blur-bands=3")]
    noise, blur = record["robustness"]
    assert (noise["kind"], noise["amounts"], blur["amounts"]) == ("noise", [0.5, 1.0], [3.0])
    means = [system["means"]["log_mel"]["mean"] for system in (clean, *others)]
    changes = [mean - means[0] for mean in means[1:]]
    assert noise["values"]["log_mel"]["mean"] == pytest.approx((0.5 * changes[0] + changes[1]) / 1.25)
    assert blur["values"]["log_mel"]["mean"] == pytest.approx(changes[2] / 3)
    assert "distillmos" not in clean["means"]
    assert "DistillMOS" in clean["scores"][0]["missing"]["distillmos"]


def test_two_models_may_have_one_name_if_not_one_folder(audiodiff, recordings, bundle, tmp_path):
    other = shutil.copytree(bundle, tmp_path / "copy")
    result = audiodiff("evaluate", "--model", bundle, "--model", other, "--data", recordings / "reference")
    assert result.returncode == 2
    assert "tiny-4" in result.stderr


def test_tuning_finds_a_grid_that_is_used_from_then_on(audiodiff, recordings, bundle):
    poor = [1.0, 0.5, 0.2, 0.0]
    add_grid(bundle, poor, "by hand")
    result = audiodiff("tune", bundle, recordings / "reference", "--steps", 3, "--budget", 8)
    assert result.returncode == 0, result.stderr
    assert "8 grids tried" in result.stdout
    grids = read(bundle / CONFIG)["grids"]
    assert list(grids) == ["3"]
    assert grids["3"] != poor
    vocoder = Vocoder.from_pretrained(bundle)
    assert vocoder.times(3).tolist() == grids["3"]
    assert len(vocoder.times()) == 5
    card = (bundle / "README.md").read_text()
    assert card.startswith("# tiny\n")
    assert "3 steps, 8 grids tried, log_mel" in card


def test_a_grid_for_the_own_step_count_changes_the_default(bundle):
    add_grid(bundle, [0.9, 0.5, 0.2, 0.1, 0.0], "by hand")
    add_grid(bundle, [0.7, 0.0], "by hand")
    vocoder = Vocoder.from_pretrained(bundle)
    assert vocoder.n_steps == 4
    assert vocoder.times().tolist() == vocoder.times(4).tolist() == [0.9, 0.5, 0.2, 0.1, 0.0]
    assert vocoder.times(1).tolist() == [0.7, 0.0]
    assert vocoder.times(2).tolist() == [1.0, 0.5, 0.0]


def test_a_grid_needs_no_model_card(bundle):
    (bundle / "README.md").unlink()
    add_grid(bundle, [0.7, 0.0], "by hand")
    assert Vocoder.from_pretrained(bundle).times(1).tolist() == [0.7, 0.0]
    assert (bundle / "README.md").read_text() == "by hand\n"


def test_tuning_stays_within_a_table_of_betas(audiodiff, recordings, tmp_path):
    """The search tries times before the first training step, at which nothing can be sampled: it goes on."""
    tree = deepcopy(TINY_TREE)
    betas = {"_target_": "audiodiff.diffusion.LinearBetas", "first": 1e-4, "last": 0.5, "n_steps": 4}
    tree["model"]["denoiser"]["schedule"] = betas
    folder = save_bundle(tmp_path / "table", "table", tree, build(canonical(tree)["model"]), card="# table\n")
    result = audiodiff("tune", folder, recordings / "reference", "--steps", 2, "--budget", 24)
    assert result.returncode == 0, result.stderr
    assert Vocoder.from_pretrained(folder).times(2)[-2] >= 0.25


def test_one_trial_leaves_the_bundle_as_it_is(audiodiff, recordings, bundle):
    before = (bundle / CONFIG).read_text()
    assert audiodiff("tune", bundle, recordings / "reference", "--steps", 2, "--budget", 1).returncode == 0
    assert (bundle / CONFIG).read_text() == before


@pytest.mark.parametrize("grids", [{"3": [1.0, 0.5, 0.0]}, {"2": [0.5, 1.0, 0.0]}, {"x": [1.0, 0.0]}, [1.0, 0.0]])
def test_a_bundle_with_damaged_grids_is_refused(bundle, grids):
    config = read(bundle / CONFIG)
    (bundle / CONFIG).write_text(json.dumps(config | {"grids": grids}))
    with pytest.raises(BundleError, match="grids"):
        Vocoder.from_pretrained(bundle)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate"], "either GENERATED and REFERENCE, or --model and --data"),
        (["evaluate", CLIPS], "either GENERATED"),
        (["evaluate", CLIPS, CLIPS, "--model", "x", "--data", CLIPS], "either GENERATED"),
        (["evaluate", CLIPS, CLIPS, "--perturb", "noise=1"], "--perturb only with these"),
        (["evaluate", "--model", "x", "--data", CLIPS, "--perturb", "nose=1"], "no perturbation 'nose'"),
        (["evaluate", "--model", "x", "--data", CLIPS, "--perturb", "blur-bands=.5"], "expected a whole number"),
        (["evaluate", CLIPS, "missing"], "there is no missing"),
        (["evaluate", "--model", "nothing", "--data", CLIPS], "no model 'nothing'"),
        (["evaluate", "--model", "nothing", "--data", CLIPS, "--steps", "1,x"], "--steps 1,x is no list"),
        (["tune", "nothing", CLIPS, "--steps", 2], "no model 'nothing'"),
        (["tune", "nothing", CLIPS, "--steps", 2, "--metric", "log-mel"], "did you mean log_mel"),
        (["tune", "nothing", CLIPS, "--steps", 2, "--metric", "rtf"], "no metric 'rtf'"),
        (["tune", "nothing", CLIPS, "--steps", 2, "--metric", "distillmos"], "no metric 'distillmos'"),
    ],
)
def test_bad_arguments_are_one_sentence(audiodiff, arguments, words):
    result = audiodiff(*arguments)
    assert result.returncode == 2
    assert words in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_what_is_missing_is_named(audiodiff, monkeypatch):
    monkeypatch.setattr("audiodiff.evaluation.comparison.find_spec", lambda name: None if name == "pesq" else True)
    result = audiodiff("evaluate", CLIPS, CLIPS)
    assert result.returncode == 2
    assert "evaluating needs pesq: install audiodiff[eval]" in result.stderr


def test_every_headline_is_a_metric():
    from audiodiff.evaluation.metrics import HEADLINE

    assert set(HEADLINE) <= set(METRICS)
