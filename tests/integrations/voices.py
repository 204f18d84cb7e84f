"""Voices with tiny random weights for any mel convention, and mels for them to speak."""

import torch
from torch import Tensor

from audiodiff import MelSpec, Vocoder
from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import Bundle
from tests.trees import TINY_TREE


def voice_for(spec: MelSpec) -> Vocoder:
    """A vocoder whose own convention is `spec`; always the same random weights, none of them zero throughout."""
    mel = {"_target_": "audiodiff.mel.spec.MelSpec"} | spec.to_dict()
    tree = canonical(TINY_TREE)
    for part in (tree["model"], tree["model"]["prior"], tree["model"]["prior"]["magnitudes"]):
        part["mel"] = mel
    tree["model"]["denoiser"]["network"] |= {"n_mels": spec.n_mels, "hop_length": spec.hop_length}
    torch.manual_seed(0)
    model = build(tree["model"]).eval()
    for part in (model.prior.magnitudes.stack, model.denoiser.network):
        torch.nn.init.normal_(part.output.weight, std=0.05)
    return Vocoder(Bundle(name="tiny", model=model, sampler=build(tree["sampler"]), grid=build(tree["grid"])))


def mel_like(spec: MelSpec, frames: int, batch: int = 1) -> Tensor:
    """Values [batch, n_mels, frames] that a mel of the convention may have."""
    generator = torch.Generator().manual_seed(frames)
    shift, scale = (torch.tensor(value).reshape(-1, 1) for value in (spec.shift, spec.scale))
    return (torch.randn(batch, spec.n_mels, frames, generator=generator) - 2 - shift) / scale
