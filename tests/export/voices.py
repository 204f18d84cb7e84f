"""A small voice of every kind that can be exported, with random weights."""

import torch

from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import Bundle
from audiodiff.convert import convert
from audiodiff.networks import DiffWave, FromV, KeepToMel, Whitening
from tests.convert import foreign
from tests.trees import SOURCE_FILTER_TREE, source_filter_model


def whitened(_folder):
    """A whitening DiffWave that says v, on filtered pulses."""
    bundle = source_filter(_folder)
    mel = bundle.model.mel
    network = DiffWave(
        n_mels=80,
        hop_length=256,
        channels=4,
        layers=3,
        dilation_cycle=3,
        sees_mean=True,
        whitening=Whitening(mel=mel),
        from_v=FromV(schedule=bundle.model.denoiser.schedule),
    ).eval()
    torch.nn.init.normal_(network.output.weight, std=0.05)
    bundle.model.denoiser.network = network
    return bundle


def diffwave_source(_folder):
    """A DiffWave over patches that keeps to the mel, with gains in time, on filtered pulses, as diffwave-ljspeech."""
    bundle = source_filter(_folder)
    mel = bundle.model.mel
    network = DiffWave(
        n_mels=mel.n_mels,
        hop_length=mel.hop_length,
        channels=4,
        layers=3,
        dilation_cycle=3,
        sees_mean=True,
        whitening=Whitening(mel=mel),
        constraint=KeepToMel(mel=mel),
        patch=4,
    ).eval()
    finish = KeepToMel(mel=mel, onsets=4, rounds=2, iterations=1, share=0.5).eval()
    for output in (network.output, finish.onsets.stack.output):
        torch.nn.init.normal_(output.weight, std=0.05)
    bundle.model.denoiser.network, bundle.model.finish = network, finish
    return bundle


def source_filter(_folder):
    """Gains over frames and bins on pulses through a filter."""
    tree = canonical(SOURCE_FILTER_TREE)
    return Bundle("source_filter", source_filter_model(), build(tree["sampler"]), build(tree["grid"]))


def converted(write):
    return lambda folder: convert(write(folder)).bundle()


VOICES = {
    "whitened": whitened,
    "source_filter": source_filter,
    "diffwave_source": diffwave_source,
}
VOICES |= {"unconditional": converted(foreign.unconditional)}
VOICES |= {name: converted(write) for name, write in foreign.WRITERS.items()}
