"""Sampling in buffers that stay: all but the capture, which takes a GPU (`test_cuda.py`)."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from audiodiff.diffusion import (
    SAMPLERS,
    VP,
    Denoiser,
    EDMPrediction,
    LearnedVariance,
    StraightPath,
    VPrediction,
    X0Prediction,
    ancestral,
    uniform,
)
from audiodiff.engine import RecordedModel
from audiodiff.engine.diffwave.gpu import buckets
from audiodiff.engine.diffwave.gpu import recorded_model as module
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave
from audiodiff.noise import SampleNoise
from audiodiff.priors import Isotropic, MelEnergy
from tests.engine.diffwave.gpu.voices import vocoder
from tests.engine.diffwave.networks import HOP, network
from tests.tiny_voices import HIFIGAN, mel_of

SPEC = replace(HIFIGAN, hop_length=HOP, n_mels=7)
FRAMES = (7, 3, 4)
PREDICTIONS = {"x0": X0Prediction, "v": VPrediction, "edm": lambda: EDMPrediction(sigma_data=0.1)}


@pytest.fixture(autouse=True)
def small(wide_tiles, monkeypatch):
    """Buckets of few frames."""
    for file in (buckets, module):
        monkeypatch.setattr(file, "FEWEST_FRAMES", 4)


def model(prediction: str = "x0", **settings: object) -> DiffusionModel:
    """A DiffWave of one or two blocks on white noise."""
    made = network(settings.pop("kind", "plain"), **{"channels": 16, "layers": 1, **settings})
    schedule = StraightPath() if prediction == "x0" else VP()
    denoiser = Denoiser(network=made, schedule=schedule, prediction=PREDICTIONS[prediction]())
    return DiffusionModel(mel=SPEC, denoiser=denoiser, prior=Isotropic(level=0.5)).eval()


def mels(*frames: int) -> list[torch.Tensor]:
    return [mel_of(n, seed)[:7] / 4 for seed, n in enumerate(frames)]


def alone(model: DiffusionModel, sampler, times, some: list[torch.Tensor]) -> list[torch.Tensor]:
    """What the network itself makes of each mel; its seed is its place."""
    with torch.no_grad():
        return [
            model.generate(mel[None], sampler=sampler, times=times, noise=SampleNoise([seed]))[0]
            for seed, mel in enumerate(some)
        ]


CASES = [*((name, "x0") for name in SAMPLERS if name != "euler"), ("ancestral", "v"), ("heun", "edm"), ("unipc", "v")]


@pytest.mark.parametrize(("name", "prediction"), CASES)
def test_a_list_is_what_each_is_alone(name, prediction):
    """Lengths of two buckets, and the same recordings used again in another order."""
    plain, some = model(prediction), mels(*FRAMES)
    fast, times = RecordedModel(plain), uniform(plain.denoiser.schedule, 2)
    expected = alone(plain, SAMPLERS[name], times, some)
    for order in ([0, 1, 2], [2, 0, 1])[: 2 if name == "ancestral" else 1]:
        made = fast.each([some[i] for i in order], sampler=SAMPLERS[name], times=times, seeds=order)
        for i, wave in zip(order, made, strict=True):
            assert_close(wave / expected[i].std(), expected[i] / expected[i].std(), rtol=0, atol=1e-4)
    assert len(fast._recordings) == 2


def test_a_batch_is_what_it_is_without_recording():
    plain, times = model(layers=2), uniform(StraightPath(), 2)
    batch, fast = torch.stack(mels(5, 5, 5)), RecordedModel(plain)
    with torch.no_grad():
        expected, made = (
            m.generate(batch, sampler=ancestral, times=times, noise=SampleNoise([1, 2, 3])) for m in (plain, fast)
        )
        first, stepwise = fast.steps(batch, sampler=ancestral, times=times, noise=SampleNoise([1, 2, 3]))
        before, _ = plain.steps(batch, sampler=ancestral, times=times, noise=SampleNoise([1, 2, 3]))
    assert_close(made, expected, rtol=1e-5, atol=1e-5)
    assert_close(stepwise, expected, rtol=1e-5, atol=1e-5)
    assert_close(first, before, rtol=1e-5, atol=1e-5)
    assert len(fast._recordings) == 2


@pytest.mark.parametrize("kind", ["with_variance", "unconditional"])
def test_a_learned_variance_and_no_mel(kind):
    plain = model("v", kind=kind)
    if kind == "with_variance":
        plain.denoiser.prediction = LearnedVariance(mean=VPrediction())
    fast, times = RecordedModel(plain), uniform(plain.denoiser.schedule, 2)
    sampler = SAMPLERS["ancestral"]
    (made,) = fast.each(mels(3), sampler=sampler, times=times, seeds=[0])
    assert_close(made, alone(plain, sampler, times, mels(3))[0], rtol=1e-4, atol=1e-5)


def test_a_prior_sees_an_item_by_itself():
    """Its noise depends on the mel, and it decodes to the very state, which the next batch must not overwrite."""
    plain = model()
    plain.prior = MelEnergy(mel=SPEC, lowest=0.0, highest=3.0)
    fast, times, some = RecordedModel(plain), uniform(StraightPath(), 2), mels(3, 4)
    made = fast.each(some, sampler=ancestral, times=times, seeds=[0, 1])
    fast.each(mels(4, 4), sampler=ancestral, times=times, seeds=[5, 6])
    for wave, expected in zip(made, alone(plain, ancestral, times, some), strict=True):
        assert_close(wave, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("limit", [("KEPT", 2), ("KEPT_SAMPLES", 24 * HOP)])
def test_recordings_are_few_and_follow_the_weights(limit, monkeypatch):
    monkeypatch.setattr(module, *limit)
    plain, times = model(), uniform(StraightPath(), 1)
    fast = RecordedModel(plain)

    def made(frames: int) -> torch.Tensor:
        return fast.each(mels(frames), sampler=ancestral, times=times, seeds=[0])[0]

    made(3), made(5), made(3), made(9)
    assert [shape.frames for shape, *_ in fast._recordings] == [4, 16]  # 8 was not used for longest
    before = made(3)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.mul_(0.9)
    assert_close(made(3), alone(plain, ancestral, times, mels(3))[0], rtol=1e-5, atol=1e-5)
    assert (made(3) - before).abs().max() > 1e-3
    assert len(fast._recordings) == 1


def test_recordings_are_written_to_in_and_out_of_inference_mode():
    plain, times = model(), uniform(StraightPath(), 1)
    fast = RecordedModel(plain)
    with torch.inference_mode():
        first = fast.each(mels(3), sampler=ancestral, times=times, seeds=[0])[0]
    assert_close(fast.each(mels(3), sampler=ancestral, times=times, seeds=[0])[0], first, rtol=0, atol=0)


def test_compile_changes_how_a_vocoder_computes_and_not_what(monkeypatch):
    """`DiffWave.compile` is torch's, for what the recordings do not do: it takes seconds, and nothing needs it here."""
    asked = []
    monkeypatch.setattr(DiffWave, "compile", lambda self, **options: asked.append(options))
    voice, options = vocoder(), {"spec": HIFIGAN, "seed": [3, 4, 5], "n_steps": 1}
    some = [mel_of(n, n) for n in (2, 1, 3)]
    padded = torch.stack([torch.nn.functional.pad(mel, (0, 3 - mel.shape[1])) for mel in some])
    expected, batch = voice(some, **options), voice(padded, lengths=[2, 1, 3], **options)
    with torch.inference_mode():
        bf16 = vocoder().bfloat16()(some, **options)
    assert isinstance(voice.compile()._fast, RecordedModel)
    assert asked == [{"dynamic": True}]
    for wave, other in zip(voice(some, **options), expected, strict=True):
        assert_close(wave, other, rtol=0, atol=1e-5)
    assert_close(voice(padded, lengths=[2, 1, 3], **options), batch, rtol=0, atol=1e-5)
    for wave, other, exact in zip(voice.bfloat16()(some, **options), bf16, expected, strict=True):
        assert 0 < (wave - exact).norm() < 2 * (other - exact).norm() + 1e-3 * exact.norm()
