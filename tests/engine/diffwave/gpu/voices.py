"""A vocoder whose DiffWave the fused block can run."""

import torch

from audiodiff import Vocoder
from audiodiff.networks import DiffWave
from audiodiff.priors import Isotropic
from tests.tiny_voices import vocoder_of


def vocoder(**settings: object) -> Vocoder:
    """Three steps of ddim with random weights."""
    torch.manual_seed(0)
    small = {"n_mels": 80, "hop_length": 256, "channels": 16, "layers": 2, "dilation_cycle": 2}
    network = DiffWave(**{**small, **settings})
    torch.nn.init.normal_(network.output.weight, std=0.1)
    return vocoder_of(network, Isotropic())
