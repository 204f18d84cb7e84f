"""DiffWaves of every kind, small, with weights that are zero nowhere."""

from dataclasses import replace

import torch

from audiodiff.conditioning import Conditioning
from audiodiff.diffusion import StraightPath
from audiodiff.mel import convention
from audiodiff.networks import ClipEmbedding, DiffWave, FromV, KeepToMel, Whitening
from audiodiff.networks.embeddings import FallingSinusoids, RoundedSinusoids, StepEmbedding
from audiodiff.networks.upsampling import BlockUpsamplers

HOP = 30
MEL = replace(convention("hifigan_22k"), n_fft=120, win_length=120, hop_length=HOP, n_mels=7)
KINDS = {
    "plain": dict,
    "reflected": lambda: {"padding_mode": "reflect"},
    "with_mean": lambda: {"sees_mean": True},
    "with_variance": lambda: {"outputs": 2},
    "unconditional": lambda: {"n_mels": None},
    "upsamplers": lambda: {"upsampler": BlockUpsamplers(hop_length=HOP, layers=5)},
    "told": lambda: {"clip": ClipEmbedding(channels=512, n_labels=3, n_speakers=2, embedding_size=4)},
    "rounded": lambda: {"embedding": StepEmbedding(n_steps=50, sinusoids=RoundedSinusoids())},
    "falling": lambda: {"embedding": StepEmbedding(n_steps=200, channels=64, sinusoids=FallingSinusoids())},
    "whitened": lambda: {"sees_mean": True, "whitening": Whitening(mel=MEL)},
    "patches": lambda: {"patch": 2},
    "patches_white": lambda: {
        "patch": 3,
        "sees_mean": True,
        "whitening": Whitening(mel=MEL),
        "constraint": KeepToMel(mel=MEL),
        "from_v": FromV(schedule=StraightPath()),
    },
    "wide_steps": lambda: {"dilation_cycle": 1},
    "two_cycles": lambda: {"dilation_cycle": 2, "layers": 7},
}
T = torch.tensor([0.2, 0.7])


def network(kind: str, **settings: object) -> DiffWave:
    """One of `KINDS`, in evaluation mode."""
    torch.manual_seed(0)
    small = {"n_mels": 7, "hop_length": HOP, "channels": 8, "layers": 5, "dilation_cycle": 5}
    made = DiffWave(**{**small, **KINDS[kind](), **settings}).eval().requires_grad_(False)
    for parameter in made.parameters():
        parameter.add_(0.05 * torch.randn(parameter.shape))
    return made


def inputs(frames: int, *, told: bool = False) -> tuple[torch.Tensor, Conditioning]:
    """Two noisy waveforms and all that a network may be told."""
    generator = torch.Generator().manual_seed(frames)
    x_t, mean = torch.randn(2, 2, HOP * frames, generator=generator)
    mel = torch.randn(2, 7, frames, generator=generator)
    clip = {
        "label": torch.tensor([1, -1]),
        "speaker": torch.tensor([-1, 0]),
        "embedding": torch.randn(2, 4, generator=generator),
    }
    return x_t, Conditioning(mel=mel, mean=mean, **(clip if told else {}))
