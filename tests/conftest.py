"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest
import torch

from audiodiff.audio import load_audio
from audiodiff.diffusion import Denoiser, StraightPath, X0Prediction
from audiodiff.mel import convention
from audiodiff.models.diffusion_model import DiffusionModel
from audiodiff.networks import DiffWave, MagnitudeNetwork
from audiodiff.priors import MelInversion

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
torch.set_num_threads(max(1, torch.get_num_threads() // WORKERS))
os.environ["OMP_NUM_THREADS"] = str(torch.get_num_threads())  # or commands would take as many as are idle

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT / "tests" / "clips" / "LJ001-0002.flac"
"""1.9 s of LJSpeech, public domain; one of the utterances that are never trained on."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of parity arrays and corpora that lies beside a developer's checkout; skips without it."""
    folder = Path(os.environ.get("AUDIODIFF_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("needs the developers' folder of parity arrays and corpora (set AUDIODIFF_SHARED)")
    return folder


@pytest.fixture(scope="session")
def clip() -> torch.Tensor:
    """The waveform of `CLIP`, [samples]."""
    return load_audio(CLIP)


@pytest.fixture
def tiny_model() -> DiffusionModel:
    """A model on an inversion prior with random weights that are not zero anywhere, small enough for every test."""
    torch.manual_seed(0)
    mel = convention("hifigan_22k")
    magnitudes = MagnitudeNetwork(mel=mel, channels=8, layers=2, dilation_cycle=2)
    network = DiffWave(n_mels=80, hop_length=256, channels=4, layers=2, dilation_cycle=2, sees_mean=True)
    for part in (magnitudes.stack, network):
        torch.nn.init.normal_(part.output.weight, std=0.05)
    return DiffusionModel(
        mel=mel,
        denoiser=Denoiser(network=network, schedule=StraightPath(), prediction=X0Prediction()),
        prior=MelInversion(mel=mel, magnitudes=magnitudes, iterations=2),
    ).eval()
