"""Real trainings of a few seconds, through the real configs."""

from pathlib import Path

import pytest
import torch
from hydra.errors import ConfigCompositionException, InstantiationException
from omegaconf import DictConfig
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.data import Utterance, write_manifest
from audiodiff.errors import ConfigError, InputError
from audiodiff.experiment.config import build, compose_config
from audiodiff.experiment.dry_run import build_features
from audiodiff.experiment.run import begin, build_model, run_training, train
from tests.conftest import CLIP

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, checkpoint folders, deprecations

TINY_DIFFWAVE = ["network.channels=16", "network.layers=6", "network.dilation_cycle=6"]
TINY_FAST = [
    "network.channels=16",
    "network.layers=2",
    "network.step_channels=8",
    "prior.source.channels=8",
    "prior.filter.channels=8",
    "prior.spread.channels=8",
]
QUICK = [
    "data.batch_size=4",
    "data.segment=16",
    "data.workers=0",
    "data.valid_frames=32",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.log_every_n_steps=1",
]


@pytest.fixture
def folder(tmp_path):
    """One clip as training and validation set, at the paths that the configs expect."""
    clip = [Utterance(id="clip", path=CLIP, duration=1.9, sample_rate=22050)]
    for split in ("train", "valid"):
        write_manifest(tmp_path / "data" / "ljspeech" / f"{split}.jsonl", clip)
    return tmp_path


def config(folder, experiment, *overrides):
    paths = [f"paths.data={folder}/data", f"paths.runs={folder}/runs"]
    return compose_config("train", [f"experiment={experiment}", *paths, *QUICK, *overrides])


def trained_loss(settings: DictConfig, run: Path, clip: Tensor) -> float:
    """The objective of the bundle's weights on the whole clip, over many draws of noise."""
    model = build(settings.model)
    weights = load_file(run / "bundle" / "model.safetensors")
    model.load_state_dict({key: tensor.float() for key, tensor in weights.items()})
    objective = build(settings.objective, model=model)
    features = build_features(settings, model, objective)(clip)
    torch.manual_seed(1)
    batch = {name: tensor.expand(4, *tensor.shape) for name, tensor in features.items()}
    with torch.no_grad():
        return torch.stack([objective(**batch)["loss"] for _ in range(8)]).mean().item()


def test_diffwave_overfits_one_clip(folder, clip):
    """eps has unit variance, so a predictor of nothing loses 1; one that learnt the clip loses far less."""
    steps = ["trainer.max_steps=120", "trainer.val_check_interval=120", "optimizer.lr=2e-3"]
    settings = config(folder, "ljspeech_diffwave", *TINY_DIFFWAVE, *steps, "callbacks.ema.decay=0.9")
    train(settings)
    assert trained_loss(settings, folder / "runs" / "ljspeech_diffwave", clip) < 0.35


def test_mels_computed_in_the_batch_train_the_same_network(folder):
    steps = ["trainer.max_steps=4", "trainer.val_check_interval=4", "data.cache=null"]
    trained = []
    for features in ("mel", "mel_on_device"):
        settings = config(
            folder, "ljspeech_diffwave", *TINY_DIFFWAVE, *steps, f"features={features}", f"name={features}"
        )
        train(settings)
        last = torch.load(folder / "runs" / features / "checkpoints" / "last.ckpt", weights_only=False)
        trained.append(torch.cat([tensor.flatten().float() for tensor in last["state_dict"].values()]))
    assert_close(*trained, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("clip", [1e-6, 1e6])
def test_gradients_are_clipped_in_bfloat16_with_a_fused_optimizer(folder, clip):
    """Clipped to next to nothing, Adam's second moments are next to nothing."""
    steps = ["trainer.max_steps=2", "trainer.val_check_interval=2", f"trainer.gradient_clip_val={clip}"]
    fast = ["trainer.precision=bf16-mixed", "optimizer.fused=true"]
    train(config(folder, "ljspeech_diffwave", *TINY_DIFFWAVE, *steps, *fast))
    last = torch.load(folder / "runs" / "ljspeech_diffwave" / "checkpoints" / "last.ckpt", weights_only=False)
    squares = sum(state["exp_avg_sq"].sum().item() for state in last["optimizer_states"][0]["state"].values())
    assert (squares < 1e-12) == (clip < 1)


def test_a_resumed_run_goes_on_from_the_saved_step(folder):
    half = ["trainer.max_steps=4", "trainer.val_check_interval=2"]
    whole = ["trainer.max_steps=8", "trainer.val_check_interval=2"]
    train(config(folder, "ljspeech_diffwave", *TINY_DIFFWAVE, *half))
    run = folder / "runs" / "ljspeech_diffwave"
    before = torch.load(run / "checkpoints" / "last.ckpt", weights_only=False)
    train(config(folder, "ljspeech_diffwave", *TINY_DIFFWAVE, *whole, "resume=last"))
    after = torch.load(run / "checkpoints" / "last.ckpt", weights_only=False)
    assert (before["global_step"], after["global_step"]) == (4, 8)
    moments = after["optimizer_states"][0]["state"]
    assert {int(state["step"]) for state in moments.values()} == {8}


def test_the_fast_voice_trains_in_two_halves(folder):
    """The filter first, then the diffusion, which leaves the filter alone; the result vocodes."""
    two = ["trainer.max_steps=2", "trainer.val_check_interval=2"]
    train(config(folder, "ljspeech_filter", *TINY_FAST, *two, "init_from=null"))
    bundle = train(config(folder, "ljspeech_residual", *TINY_FAST, *two))
    first = load_file(folder / "runs" / "ljspeech_filter" / "bundle" / "model.safetensors")
    second = load_file(bundle / "model.safetensors")
    prior = [key for key in first if key.startswith("prior.")]
    assert prior
    assert all(torch.equal(first[key], second[key]) for key in prior)
    assert any(not torch.equal(first[key], second[key]) for key in first if key.startswith("denoiser."))
    vocoder = Vocoder.from_pretrained(bundle)
    assert vocoder(torch.zeros(80, 10) - 5, spec=vocoder.mel_spec).shape == (2560,)


def test_weights_may_come_from_several_checkpoints(folder):
    """Of each whatever fits: here the second one has another denoiser, and a prior that replaces the first one's."""
    two = ["trainer.max_steps=2", "trainer.val_check_interval=2", "init_from=null"]
    train(config(folder, "ljspeech_filter", *TINY_FAST, *two, "name=first"))
    train(config(folder, "ljspeech_filter", *TINY_FAST, *two, "name=second", "seed=1", "network.channels=24"))
    first, second = (folder / "runs" / name / "checkpoints" / "last.ckpt" for name in ("first", "second"))
    settings = config(folder, "ljspeech_residual", *TINY_FAST, f"init_from=[{first},{second}]")
    model = build_model(settings)
    assert len(begin(model, settings, None)) == 2
    stored = [torch.load(path, weights_only=False)["state_dict"] for path in (first, second)]
    ours = model.state_dict()
    for name in ("prior.filter.stack.input.weight", "denoiser.network.input.weight"):
        donor = stored[1] if name.startswith("prior.") else stored[0]
        assert torch.equal(ours[name], donor[f"objective.model.{name}"])


def test_previews_of_generated_clips_reach_tensorboard(folder):
    two = ["trainer.max_steps=2", "trainer.val_check_interval=2", "init_from=null"]
    train(config(folder, "ljspeech_residual", *TINY_FAST, *two))
    events = EventAccumulator(str(folder / "runs" / "ljspeech_residual"))
    events.Reload()
    tags = events.Tags()
    assert {"generated/0", "recorded/0"} <= set(tags["audio"])
    assert {"mel/0", "spectrogram/0"} <= set(tags["images"])
    assert {"valid/log_mel", "valid/mr_stft", "train/loss", "train/grad_norm"} <= set(tags["scalars"])


def test_a_misspelt_key_is_named(folder):
    with pytest.raises(ConfigCompositionException, match="chanels"):
        config(folder, "ljspeech_diffwave", "network.chanels=16")
    settings = config(folder, "ljspeech_diffwave", "+network.chanels=16")
    with pytest.raises(InstantiationException, match="chanels"):
        build(settings.model)


@pytest.mark.parametrize("override", ["network.chanels=16", "+network.chanels=16", "experiment=nothing", "no sense"])
def test_the_command_says_what_is_wrong_with_a_setting(folder, override):
    words = override.removeprefix("+").split("=")[-2 if "chanels" in override else -1].split(".")[-1]
    paths = [f"paths.data={folder}/data", f"paths.runs={folder}/runs"]
    with pytest.raises(ConfigError, match=words):
        run_training(["experiment=ljspeech_diffwave", *paths, override])


def test_there_must_be_something_to_resume(folder):
    with pytest.raises(InputError, match="cannot resume"):
        train(config(folder, "ljspeech_diffwave", *TINY_DIFFWAVE, "resume=last"))
    (folder / "wrong.ckpt").write_text("not a checkpoint")
    with pytest.raises(InputError, match="cannot start from"):
        train(config(folder, "ljspeech_diffwave", *TINY_DIFFWAVE, f"init_from={folder}/wrong.ckpt"))
