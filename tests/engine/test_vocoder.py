"""The engine behind the public API."""

from collections.abc import Callable

import pytest
import torch
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.bundle.format import Bundle
from audiodiff.diffusion import (
    SAMPLERS,
    VP,
    Denoiser,
    EDMPrediction,
    EpsPrediction,
    LearnedVariance,
    Prediction,
    StraightPath,
    VelocityPrediction,
    VPrediction,
    X0Prediction,
    ddim,
    uniform,
)
from audiodiff.engine import FastDiffWave, chosen_dtype, precision
from audiodiff.errors import ConfigError
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave, SpectralGainNetwork
from audiodiff.noise import SampleNoise
from audiodiff.priors import Isotropic
from tests.tiny_voices import HIFIGAN, VOICES, mel_of

PREDICTIONS: dict[str, Callable[[], Prediction]] = {
    "eps": EpsPrediction,
    "x0": X0Prediction,
    "v": VPrediction,
    "velocity": VelocityPrediction,
    "edm": lambda: EDMPrediction(sigma_data=0.1),
    "learned": lambda: LearnedVariance(mean=EpsPrediction()),
}


def vocoder(prediction: str = "x0", *, sees_mean: bool = False, channels: int = 4) -> Vocoder:
    """A small vocoder of four steps; its weights are zero nowhere."""
    torch.manual_seed(1)
    outputs = 2 if prediction == "learned" else 1
    network = DiffWave(
        n_mels=80, hop_length=256, channels=channels, layers=3, dilation_cycle=3, outputs=outputs, sees_mean=sees_mean
    )
    torch.nn.init.normal_(network.output.weight, std=0.1)
    schedule = StraightPath() if prediction == "velocity" else VP()
    denoiser = Denoiser(network=network, schedule=schedule, prediction=PREDICTIONS[prediction]())
    prior = VOICES["inversion"]().model.prior if sees_mean else Isotropic()
    model = DiffusionModel(mel=HIFIGAN, denoiser=denoiser, prior=prior).eval()
    return Vocoder(Bundle("small", model, ddim, lambda schedule: uniform(schedule, 4)))


def reference(vocoder: Vocoder, mel: torch.Tensor, sampler: str) -> torch.Tensor:
    """What the network itself makes of it."""
    with torch.no_grad():
        return vocoder.model.generate(
            mel[None], sampler=vocoder.sampler(sampler), times=vocoder.times(), noise=SampleNoise([7])
        )[0]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_waveform_is_the_networks_own(prediction, sampler):
    voice, mel = vocoder(prediction), mel_of(11)
    expected = reference(voice, mel, sampler)
    wave = voice(mel, sampler=sampler, seed=7, spec=HIFIGAN)
    assert expected.std() > 1e-3
    assert_close(wave / expected.std(), expected / expected.std(), rtol=0, atol=1e-4)


def test_a_mean_is_seen():
    voice, mel = vocoder(sees_mean=True), mel_of(11)
    assert_close(voice(mel, seed=7, spec=HIFIGAN), reference(voice, mel, "ddim"), rtol=0, atol=1e-5)


@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
def test_stream_is_the_networks_own(sampler):
    voice, mel = vocoder(), mel_of(23)
    stream = voice.stream(sampler=sampler, seed=7, spec=HIFIGAN)
    wave = torch.cat([*(stream.feed(piece) for piece in mel.split(5, dim=1)), stream.flush()])
    assert_close(wave, reference(voice, mel, sampler), rtol=0, atol=1e-5)


def test_the_engine_runs_and_the_model_stays_as_it_is(monkeypatch):
    voice = vocoder()
    calls = []
    plain = DiffWave.forward
    monkeypatch.setattr(DiffWave, "forward", lambda self, *inputs: calls.append(1) or plain(self, *inputs))
    voice(mel_of(3), spec=HIFIGAN)
    assert not calls
    reference(voice, mel_of(3), "ddim")
    assert len(calls) == 4
    assert isinstance(voice.model.denoiser.network, DiffWave)
    assert isinstance(VOICES["source_filter"]()._fast.denoiser.network, SpectralGainNetwork)
    assert isinstance(voice._fast.denoiser.network, FastDiffWave)


def test_precision_is_chosen_at_the_door(tmp_path, monkeypatch):
    folder = Vocoder.from_pretrained().save_pretrained(tmp_path / "voice")
    mel = mel_of(20)
    made = {
        name: Vocoder.from_pretrained(folder, precision=name)(mel, spec=HIFIGAN, n_steps=1)
        for name in ("fp32", "tf32", "auto", "bf16")
    }
    assert_close(made["tf32"], made["fp32"], rtol=0, atol=0)
    faster = precision.multiplies_bfloat16(torch.device("cpu"))
    assert_close(made["auto"], made["bf16" if faster else "fp32"], rtol=0, atol=0)
    assert 0 < (made["bf16"] - made["fp32"]).norm() < 0.5 * made["fp32"].norm()
    monkeypatch.setattr(precision, "capabilities", lambda: {"amx_bf16": True})
    assert chosen_dtype("auto", torch.device("cpu")) == torch.bfloat16
    monkeypatch.setattr(precision, "capabilities", dict)
    assert chosen_dtype("auto", torch.device("cpu")) == torch.float32
    with pytest.raises(ConfigError, match="'fp8': choose one of auto, fp32, tf32, bf16"):
        Vocoder.from_pretrained(folder, precision="fp8")  # pyright: ignore[reportArgumentType]
