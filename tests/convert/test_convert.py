"""Checkpoints are read by what they hold, completely or not at all."""

import json
from functools import partial

import pytest
import torch
from torch.testing import assert_close

from audiodiff.bundle.constructors import build
from audiodiff.bundle.format import load_bundle, save_bundle
from audiodiff.convert import CONVERTERS, convert
from audiodiff.diffusion import from_betas
from audiodiff.errors import CheckpointError
from tests.convert import foreign


@pytest.mark.parametrize("source", foreign.WRITERS)
def test_recognized_converted_and_spoken_with(source, tmp_path):
    converted = convert(foreign.WRITERS[source](tmp_path))
    assert source in converted.origin["project"].lower()
    bundle = load_bundle(converted.save(tmp_path / "bundle"))
    times = bundle.grid(bundle.model.denoiser.schedule)
    wave = bundle.model.generate(torch.rand(1, 80, 3), sampler=bundle.sampler, times=times, noise=torch.randn_like)
    assert wave.shape == (1, 768)
    assert wave.isfinite().all()


@pytest.mark.parametrize("source", foreign.WRITERS)
def test_bundle_to_bundle_is_bit_equal(source, tmp_path):
    converted = convert(foreign.WRITERS[source](tmp_path))
    first = load_bundle(converted.save(tmp_path / "first"))
    again = save_bundle(tmp_path / "second", "second", converted.config, first.model, "", dtype=torch.float32)
    files = [folder / "model.safetensors" for folder in (tmp_path / "first", again)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_folder_means_its_weights(tmp_path):
    foreign.lmnt(tmp_path)
    assert convert(tmp_path).origin["training steps"] == 7


def test_own_parameters_are_read(tmp_path):
    changes = {"sample_rate": 44100, "n_fft": 2048, "noise_schedule": [0.1, 0.2, 0.3]}
    model = convert(foreign.lmnt(tmp_path, params=foreign.PARAMS | changes)).model
    assert (model.mel.sample_rate, model.mel.n_fft, model.mel.win_length) == (44100, 2048, 1024)
    assert_close(model.denoiser.schedule.betas, torch.tensor([0.1, 0.2, 0.3]).double())


def test_step_bias_is_carried_along_the_residual_path(tmp_path):
    """philsyn's in-place sum, spelled out for one block after the other."""
    weights = foreign.philsyn_weights()
    step = [weights[f"residual_layer.residual_blocks.{i}.fc_t.bias"] for i in range(2)]
    blocks = convert(foreign.bddm(tmp_path)).model.denoiser.network.blocks
    assert_close(blocks[0].step.bias.data, step[0].half().float())
    assert_close(blocks[1].step.bias.data, step[1].half().float() + step[0].half().float() / 2**0.5)


def test_bddm_takes_its_searched_schedule(tmp_path):
    betas = torch.tensor([1e-3, 0.05, 0.4])
    torch.save([torch.arange(3.0), betas, betas, betas], tmp_path / "3steps.ns")
    converted = convert(foreign.bddm(tmp_path))
    schedule = converted.model.denoiser.schedule
    assert_close(build(converted.config["grid"])(schedule), from_betas(schedule, betas.double().tolist()))
    torch.save([betas], tmp_path / "3steps.ns")
    with pytest.raises(CheckpointError, match="no schedule"):
        convert(tmp_path / "100.pkl")


def test_philsyn_s_folder_names_say_the_schedule(tmp_path):
    folder = tmp_path / "ch4_T200_betaT0.02" / "logs" / "checkpoint"
    folder.mkdir(parents=True)
    with pytest.raises(CheckpointError, match=r"2 residual_layer.residual_blocks, its hyper-parameters say 30"):
        convert(foreign.philsyn(folder))
    with pytest.raises(CheckpointError, match=r"config\.json"):
        convert(foreign.philsyn(tmp_path))


@pytest.mark.parametrize("fraction", [0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("source", ["lmnt", "bddm"])
def test_truncated(source, fraction, tmp_path):
    path = foreign.WRITERS[source](tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(CheckpointError, match="damaged"):
        convert(path)


def edited(change):
    """A writer of lmnt checkpoints whose weights were changed."""

    def write(folder):
        model = torch.load(foreign.lmnt(folder), weights_only=True)["model"]
        return foreign.lmnt(folder, model=change(dict(model)))

    return write


def without(name):
    return edited(lambda model: {key: value for key, value in model.items() if key != name})


BIAS = "residual_layers.1.dilated_conv.bias"
CONTRADICTIONS = {
    "missing": (without(BIAS), f"missing: {BIAS}"),
    "left over": (edited(lambda model: model | {"extra.weight": torch.ones(1)}), r"left over: extra\.weight"),
    "another shape": (edited(lambda model: model | {BIAS: torch.ones(9)}), rf"{BIAS} has shape \(9,\).*\(8,\)"),
    "NaN": (edited(lambda model: model | {BIAS: torch.full((8,), torch.nan)}), "NaN"),
    "not a tensor": (edited(lambda model: model | {BIAS: 3}), "no tensor"),
    "whole numbers": (edited(lambda model: model | {BIAS: torch.ones(8, dtype=torch.int64)}), "no tensor"),
    "no weights": (lambda folder: foreign.lmnt(folder, model={}), "no known kind"),
    "more layers": (
        lambda folder: foreign.lmnt(folder, params=foreign.PARAMS | {"residual_layers": 3}),
        "holds 2 residual_layers, its hyper-parameters say 3",
    ),
    "more channels": (
        lambda folder: foreign.lmnt(folder, params=foreign.PARAMS | {"residual_channels": 2**20}),
        r"input_projection\.weight has shape \(4, 1, 1\)",
    ),
    "another hop": (
        lambda folder: foreign.lmnt(folder, params=foreign.PARAMS | {"hop_samples": 300}),
        r"spectrogram_upsampler\.conv1\.weight",
    ),
    "no parameters": (lambda folder: foreign.lmnt(folder, params={}), "does not state residual_layers"),
    "wrong type": (
        lambda folder: foreign.lmnt(folder, params=foreign.PARAMS | {"n_mels": "eighty"}),
        "n_mels is 'eighty'",
    ),
    "wrong betas": (
        lambda folder: foreign.lmnt(folder, params=foreign.PARAMS | {"noise_schedule": [0.1, 2.0]}),
        "beta 2 at step 1",
    ),
    "condition_prior": (lambda folder: foreign.priorgrad(folder, condition_prior=True), "condition_prior"),
    "unequal channels": (lambda folder: foreign.bddm(folder, skip_channels=5), "skip_channels"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradictions_are_named(case, tmp_path):
    write, message = CONTRADICTIONS[case]
    path = write(tmp_path)
    with pytest.raises(CheckpointError, match=message):
        convert(path)


def remove(folder, name):
    for path in folder.rglob(name):
        path.unlink()


@pytest.mark.parametrize(
    ("write", "companion", "message"),
    [
        (foreign.speechbrain, "hyperparams.yaml", r"hyperparams\.yaml"),
        (foreign.priorgrad, "energy_min_train.npy", "stats_priorgrad"),
        (partial(foreign.priorgrad, max_energy_override=None), "energy_max_train.npy", "energy_max_train"),
    ],
)
def test_what_a_checkpoint_lacks_is_asked_for(write, companion, message, tmp_path):
    path = write(tmp_path)
    remove(tmp_path, companion)
    with pytest.raises(CheckpointError, match=message):
        convert(path)


def test_several_configs_are_not_chosen_from(tmp_path):
    path = foreign.speechbrain(tmp_path)
    (tmp_path / "train.yaml").write_text(foreign.HYPERPARAMS)
    with pytest.raises(CheckpointError, match="--config"):
        convert(path)
    assert convert(path, config=tmp_path / "train.yaml").model.mel.sample_rate == 22050


@pytest.mark.parametrize("content", [{"state_dict": {}}, {"generator": torch.ones(1)}, [torch.ones(1)], torch.ones(1)])
def test_unknown_checkpoints_are_described(content, tmp_path):
    torch.save(content, tmp_path / "unknown.pt")
    with pytest.raises(CheckpointError, match=r"no known kind|expected a dictionary"):
        convert(tmp_path / "unknown.pt")


def test_missing_files(tmp_path):
    for path in (tmp_path / "nothing.pt", tmp_path):
        with pytest.raises(CheckpointError, match="is not a file"):
            convert(path)
    path = foreign.lmnt(tmp_path)
    with pytest.raises(CheckpointError, match="does not exist"):
        convert(path, config=tmp_path / "nothing.yaml")


@pytest.mark.parametrize("said", CONVERTERS)
@pytest.mark.parametrize("really", [*foreign.WRITERS, "nothing"])
def test_a_file_of_another_project_is_refused_in_words(really, said, tmp_path):
    """Whatever lies beside it."""
    write = foreign.WRITERS.get(really, lambda folder: foreign.lmnt(folder, model=None))
    path = write(tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"wavenet_config": foreign.WAVENET, "diffusion_config": foreign.DIFFUSION}))
    if (said, really) in {("lmnt", "lmnt"), ("lmnt", "priorgrad"), ("priorgrad", "priorgrad"), ("bddm", "bddm")}:
        return
    with pytest.raises(CheckpointError):
        convert(path, said, config)


@pytest.mark.parametrize("content", [{"model": 5, "params": {}}, {"model_state_dict": 5}, {"model": None, "params": 3}])
def test_weights_that_are_none_are_of_no_known_kind(content, tmp_path):
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match="of no known kind"):
        convert(tmp_path)


@pytest.mark.parametrize("step", ["7", 7.5, torch.tensor([7, 8]), {"a": 1}])
def test_a_step_is_a_whole_number_or_left_out(step, tmp_path):
    assert "training steps" not in convert(foreign.lmnt(tmp_path, step=step)).origin


@pytest.mark.parametrize("flag", ["yes", 2, [True], torch.ones(2)])
def test_a_flag_is_true_or_false(flag, tmp_path):
    with pytest.raises(CheckpointError, match="expected true or false"):
        convert(foreign.lmnt(tmp_path, params=foreign.PARAMS | {"unconditional": flag}))
