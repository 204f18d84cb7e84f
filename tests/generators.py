"""A generator small enough for every test, and its bundle."""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from audiodiff.bundle.constructors import build
from audiodiff.bundle.format import Bundle, save_bundle
from audiodiff.diffusion import ddim, uniform
from audiodiff.generation.generator import Generator
from audiodiff.models.generative_model import GenerativeModel

MEL = {
    "_target_": "audiodiff.mel.spec.MelSpec",
    "sample_rate": 8000,
    "n_fft": 320,
    "win_length": 320,
    "hop_length": 80,
    "n_mels": 16,
    "floor": 1e-3,
    "shift": -5.5,
    "scale": 1.5,
    "framing": "same",
    "pad_mode": "constant",
}
LABELS, SPEAKERS = ["zero", "one", "two"], ["ann", "bob"]


def tree(*, p_uncond: float = 0.1, embedding_size: int = 0, told: bool = True) -> dict[str, Any]:
    """The config of a tiny generator's bundle; without `told` of an unconditional one."""
    clip = {
        "_target_": "audiodiff.networks.clip_embedding.ClipEmbedding",
        "channels": 8,
        "n_labels": len(LABELS),
        "n_speakers": len(SPEAKERS),
        "embedding_size": embedding_size,
    }
    network = {
        "_target_": "audiodiff.networks.mel_generator.MelGenerator",
        "n_mels": 16,
        "channels": 8,
        "layers": 2,
        "dilation_cycle": 2,
        "step_channels": 8,
        "clip": clip if told else None,
    }
    magnitudes = {"_target_": "audiodiff.networks.magnitudes.MagnitudeNetwork", "mel": MEL, "channels": 4, "layers": 1}
    model = {
        "_target_": "audiodiff.models.generative_model.GenerativeModel",
        "mel": MEL,
        "denoiser": {
            "_target_": "audiodiff.diffusion.denoiser.Denoiser",
            "network": network,
            "schedule": {"_target_": "audiodiff.diffusion.schedules.StraightPath"},
            "prediction": {"_target_": "audiodiff.diffusion.predictions.VPrediction"},
        },
        "prior": {
            "_target_": "audiodiff.priors.latent.MelLatent",
            "mel": MEL,
            "magnitudes": magnitudes,
            "iterations": 2,
        },
        "length": 1600,
        "labels": LABELS if told else [],
        "speakers": SPEAKERS if told else [],
        "embedding_size": embedding_size,
        "p_uncond": p_uncond,
    }
    return {
        "model": model,
        "sampler": {"_target_": "audiodiff.diffusion.samplers.first_order.ddim", "_partial_": True},
        "grid": {"_target_": "audiodiff.diffusion.grids.uniform", "_partial_": True, "n_steps": 3},
    }


def tiny_model(**options: Any) -> GenerativeModel:
    """A generator's model with random weights that are zero nowhere."""
    parts = tree(**options)["model"]
    torch.manual_seed(0)
    network = build(parts["denoiser"]["network"])  # before the prior, on whose draws it shall not depend
    torch.nn.init.normal_(network.stack.output.weight, std=0.3)
    model = build(parts)
    model.denoiser.network = network
    return model.eval()


def tiny_generator(**options: Any) -> Generator:
    """A generator that was never trained."""
    return Generator(Bundle(name="tiny", model=tiny_model(**options), sampler=ddim, grid=partial(uniform, n_steps=3)))


def tiny_bundle(folder: Path, **options: Any) -> Path:
    """The same as a bundle on disk."""
    return save_bundle(folder, "tiny", tree(**options), tiny_model(**options), card="# tiny\n")
