"""A small voice of every kind that can be exported, with random weights."""

import torch

from audiodiff.bundle import Bundle
from audiodiff.constructors import build, canonical
from audiodiff.convert import convert
from audiodiff.networks import LocalSpectralNetwork
from tests.convert import foreign
from tests.trees import TINY_TREE


def spectral(_folder):
    """The frame-rate network on a mel-inversion prior, as the voice that ships."""
    torch.manual_seed(0)
    tree = canonical(TINY_TREE)
    model = build(tree["model"]).eval()
    for stack in (model.denoiser.network.stack, model.prior.magnitudes.stack):
        torch.nn.init.normal_(stack.output.weight, std=0.05)
    return Bundle("spectral", model, build(tree["sampler"]), build(tree["grid"]))


def local(_folder):
    """The network over frames and bins on the same prior."""
    bundle = spectral(_folder)
    network = LocalSpectralNetwork(mel=bundle.model.mel, channels=4, layers=2, step_channels=8).eval()
    torch.nn.init.normal_(network.stack.output.weight, std=0.05)
    bundle.model.denoiser.network = network
    return bundle


def converted(write):
    return lambda folder: convert(write(folder)).bundle()


VOICES = {"spectral": spectral, "local": local, "unconditional": converted(foreign.unconditional)}
VOICES |= {name: converted(write) for name, write in foreign.WRITERS.items()}
