"""The source-filter voice: its objectives, its features, and its four trainings one after the other."""

import math

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.errors import ConfigError
from audiodiff.experiment.run import train
from audiodiff.mel import MelSpectrogram
from audiodiff.training.glottal_features import GlottalFeatures, SourceFilterFeatures
from audiodiff.training.mel_perturbation import RandomPerturbation
from audiodiff.training.source_filter_objectives import ResidualDiffusion, SourceFilterLikelihood, SourceMatch
from audiodiff.training.unrolled import Unrolled
from tests.runs import small
from tests.tiny_voices import HIFIGAN, inversion, source_filter

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own: workers, checkpoint folders, deprecations

FRAMES = 40
PARTS = {"ljspeech_source": "prior.source.", "ljspeech_filter": "prior.", "ljspeech_residual": "denoiser."}
PARTS |= {"ljspeech_fast": "denoiser."}
"""The weights that each training may change."""
LENGTH = ["trainer.val_check_interval=2", "lr_schedule.warmup=1"]


@pytest.fixture
def model():
    return source_filter().model.requires_grad_(True)


@pytest.fixture
def batch(model, clip):
    """Two stretches of the clip with all that any of the objectives takes."""
    stretches = [clip[start:][: 256 * FRAMES] for start in (4096, 20480)]
    mixed, pitched = SourceFilterFeatures(model=model), GlottalFeatures(model=model)
    items = [{**pitched(stretch), **mixed(stretch)} for stretch in stretches]
    return {key: torch.stack([item[key] for item in items]) for key in items[0]}


def given(batch, *names):
    return {name: batch[name] for name in ("wave", "mel", *names)}


def moved(module):
    """The names of the parameters that have a gradient."""
    return {name for name, p in module.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


def test_features_are_in_time_with_the_clip(model, clip):
    tensors = GlottalFeatures(model=model)(clip)
    n_frames = tensors["mel"].shape[-1]
    assert tensors["f0"].shape == (1, n_frames)
    assert tensors["pulses"].shape == tensors["wave"].shape == (256 * n_frames,)
    voiced = tensors["f0"][0] > 0
    assert 0.4 < voiced.float().mean() < 0.95
    power = tensors["pulses"].square().view(n_frames, 256).mean(dim=1)
    assert power[voiced].mean().item() == pytest.approx(1, abs=0.15)
    silent = ~(voiced | voiced.roll(1) | voiced.roll(-1))
    assert silent.any()
    assert power[silent].max() < 1e-3


def test_features_tell_filters_and_methods_apart(model):
    features = SourceFilterFeatures(model=model)
    before = features.fingerprint
    assert before != GlottalFeatures(model=model).fingerprint
    with torch.no_grad():
        model.prior.filter.stack.output.bias += 1
    assert features.fingerprint != before


def test_source_match_teaches_the_source_and_nothing_else(model, batch):
    objective = SourceMatch(model=model, perturbation=RandomPerturbation(mel=HIFIGAN))
    losses = objective(**given(batch, "f0", "pulses"))
    assert_close(losses["loss"], losses["pitch"] + 2 * losses["voicing"] + losses["distance"])
    losses["loss"].backward()
    assert moved(model)
    assert all(name.startswith("prior.source.") for name in moved(model))


def test_the_likelihood_teaches_filter_and_spread_and_nothing_else(model, batch):
    objective = SourceFilterLikelihood(model=model, f0_jitter=0.0)
    losses = objective(**given(batch, "f0", "pulses"))
    assert_close(losses["loss"], losses["likelihood"] + losses["mean"])
    losses["loss"].backward()
    assert {name.split(".")[1] for name in moved(model)} == {"filter", "spread"}


def test_the_likelihood_is_least_where_the_spread_is_the_deviation(model, batch):
    """With a mean of zero the best spread is the recording's own: louder or softer by a factor loses."""
    objective = SourceFilterLikelihood(model=model, f0_jitter=0.0)
    with torch.no_grad():
        for parameter in model.prior.filter.stack.output.parameters():
            parameter.zero_()
        lacking = objective.prior.fine(batch["wave"]).abs().clamp_min(1e-4)
        fits = []
        for factor in (0.5, 1.0, 2.0):
            objective.prior.scale = lambda mel, factor=factor: factor * lacking
            fits.append(objective(**given(batch, "f0", "pulses"))["likelihood"].item())
    assert fits[1] < min(fits[0], fits[2])
    assert fits[2] - fits[1] == pytest.approx(2 * math.log(2) + 0.25 - 1, abs=0.05)


@pytest.mark.parametrize(("make", "parts"), [(ResidualDiffusion, {"denoiser"}), (Unrolled, {"denoiser", "finish"})])
def test_diffusions_teach_the_denoiser_and_what_ends_its_results(model, batch, make, parts):
    losses = make(model=model)(**given(batch, "mean"))
    losses["loss"].backward()
    assert {name.split(".")[0] for name in moved(model)} == parts
    assert all(p.grad.isfinite().all() for p in model.denoiser.parameters() if p.grad is not None)


def test_who_knows_the_recording_loses_nothing(model, batch):
    class Knows(torch.nn.Module):
        def forward(self, x_t, t, cond):
            return batch["wave"] - batch["mean"]

    model.denoiser.network, model.finish = Knows(), None  # gains in time of random weights change what is right
    residual = ResidualDiffusion(model=model)(**given(batch, "mean"))
    unrolled = Unrolled(model=model)(**given(batch, "mean"))
    assert residual["loss"].item() == pytest.approx(0, abs=1e-4)
    assert unrolled["spectral"].item() == pytest.approx(0, abs=1e-4)
    assert unrolled["mel"].item() == pytest.approx(0, abs=1e-3)


def test_a_share_of_the_times_is_where_sampling_starts(model):
    objective = ResidualDiffusion(model=model, first=0.25)
    torch.manual_seed(0)
    times = objective.times(torch.zeros(4000, 1))
    assert (times == 1).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert times.min() >= 0
    assert times[times < 1].square().mean().item() == pytest.approx(0.5, abs=0.03)  # roots of uniform numbers


def test_perturbed_mels_stay_mels(clip):
    """Of the same shape, finite, not below the floor, and different every time."""
    mel = MelSpectrogram(HIFIGAN)(clip[: 256 * FRAMES].unsqueeze(0)).expand(16, -1, -1)
    torch.manual_seed(0)
    first, second = (RandomPerturbation(mel=HIFIGAN)(mel) for _ in range(2))
    assert first.shape == mel.shape
    assert first.isfinite().all()
    assert first.min() >= math.log(1e-5) - 1e-5
    assert (first != mel).flatten(1).any(dim=1).float().mean() > 0.2
    assert not torch.equal(first, second)


def test_a_share_of_the_mels_stays_untouched():
    mel = torch.rand(2000, 80, 4) - 5
    torch.manual_seed(0)
    kept = (RandomPerturbation(mel=HIFIGAN, untouched=0.5, gain=2.0)(mel) == mel).flatten(1).all(dim=1)
    assert kept.float().mean().item() == pytest.approx(0.5 + 0.5 * 0.65**4, abs=0.04)
    assert (RandomPerturbation(mel=HIFIGAN, untouched=1.0)(mel) == mel).all()


@pytest.mark.parametrize("make", [SourceFilterLikelihood, ResidualDiffusion, Unrolled, SourceFilterFeatures])
def test_another_prior_is_refused_in_a_sentence(make):
    with pytest.raises(ConfigError, match="needs a SourceFilter prior, got MelInversion: choose prior=source_filter"):
        make(model=inversion().model)


def test_steps_must_be_steps(model):
    with pytest.raises(ConfigError, match="at least 1 each"):
        Unrolled(model=model, steps=[0, 2])


def chained(folder, experiment, *overrides):
    """A small training that starts from the weights of the one before."""
    names, config = list(PARTS), small(folder, f"experiment={experiment}", *LENGTH, *overrides)
    if (place := names.index(experiment)) > 0 and config.resume is None:
        config.init_from = f"{folder}/runs/{names[place - 1]}/checkpoints/last.ckpt"
    return config


def test_the_voice_trains_part_by_part_goes_on_and_speaks(tmp_path):
    """Each of four trainings changes its own weights, is prolonged, and ends in a bundle; the last one vocodes."""
    weights, bundle = {}, None
    for experiment, part in PARTS.items():
        train(chained(tmp_path, experiment, "trainer.max_steps=2"))
        bundle = train(chained(tmp_path, experiment, "trainer.max_steps=4", "resume=last"))
        last = torch.load(tmp_path / "runs" / experiment / "checkpoints" / "last.ckpt", weights_only=True)
        assert last["global_step"] == 4
        before, weights = weights, load_file(bundle / "model.safetensors")
        changed = {name for name, tensor in before.items() if not torch.equal(tensor, weights[name])}
        assert all(name.startswith(part) for name in changed)
        assert changed or not before
    vocoder = Vocoder.from_pretrained(bundle)
    assert vocoder(torch.zeros(80, 10) - 5, spec=vocoder.mel_spec).isfinite().all()


@pytest.mark.parametrize("experiment", PARTS)
def test_a_training_that_broke_goes_on_as_if_nothing_had_happened(tmp_path, experiment):
    settings = [f"experiment={experiment}", *LENGTH, "trainer.max_steps=4"]
    stop = ["+callbacks.stop._target_=tests.runs.Stop", "+callbacks.stop.after=3"]
    train(small(tmp_path, *settings, "name=whole"))
    with pytest.raises(RuntimeError, match="power"):
        train(small(tmp_path, *settings, "name=broken", *stop))
    train(small(tmp_path, *settings, "name=broken", "resume=last"))
    paths = [tmp_path / "runs" / name / "checkpoints" / "last.ckpt" for name in ("whole", "broken")]
    whole, broken = (torch.load(path, weights_only=True)["state_dict"] for path in paths)
    assert_close(broken, whole, rtol=0, atol=0)
