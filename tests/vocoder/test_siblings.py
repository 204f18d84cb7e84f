"""Voices of one set of weights for several conventions: what is chosen for one of them holds for all."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from audiodiff import Vocoder
from audiodiff.mel import convention

NAMES = ("hifigan_22k", "vocos_24k", "speecht5_16k")


@pytest.fixture
def family():
    """The voice that was loaded, and two that it gave."""
    first = Vocoder.from_pretrained("universal", mel=NAMES[0])
    return [first, *(first.for_mel(name) for name in NAMES[1:])]


def kinds_of_devices(voice):
    return {tensor.device.type for tensor in (*voice.model.parameters(), *voice.model.buffers())}


def test_any_of_them_leads_to_the_others(family):
    for voice in family:
        assert [voice.for_mel(name) for name in NAMES] == family
        assert [voice.for_mel(convention(name)) for name in NAMES] == family


@pytest.mark.parametrize("chosen", [0, 1])
def test_precision_and_compilation_are_those_of_all(family, chosen):
    assert family[chosen].half().compile() is family[chosen]
    voices = [*family, family[1].for_mel("espnet_24k")]
    assert {voice.dtype for voice in voices} == {torch.float16}
    assert all(voice._compiled for voice in voices)
    family[1 - chosen].float()
    assert {voice.dtype for voice in voices} == {torch.float32}


@pytest.mark.parametrize("chosen", [0, 1])
def test_windows_and_filterbanks_move_with_the_weights(family, chosen):
    """To a pretended GPU, whose tensors hold nothing."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        family[chosen].to("cuda")
        assert [kinds_of_devices(voice) for voice in family] == [{"cuda"}] * 3


def test_a_model_that_lightning_moved_takes_along_whom_one_asks_for(family):
    with FakeTensorMode(allow_non_fake_inputs=True):
        family[0].model.to("cuda")
        assert kinds_of_devices(family[0].for_mel(NAMES[1])) == {"cuda"}
