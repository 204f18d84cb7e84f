"""A model on another device than the mels speaks as on the processor, whole and in pieces; a GPU is pretended."""

import pytest
import torch
from torch.testing import assert_close

from tests.elsewhere import PretendedGpu, There, brought, moved
from tests.tiny_voices import HIFIGAN, VOICES, mel_of

MEL, KNOWN = mel_of(40), {"spec": HIFIGAN, "seed": 3}


def streamed(vocoder, mel):
    """All pieces put together, those of no samples among them, as a player might do it."""
    stream = vocoder.stream(**KNOWN)
    return torch.cat([stream.feed(mel[:, :9]), stream.feed(mel[:, 9:]), stream.flush()])


CALLS = {
    "call": lambda vocoder, mel: vocoder(mel, **KNOWN),
    "list": lambda vocoder, mel: vocoder([mel[:, :20], mel], **KNOWN)[1],
    "padded": lambda vocoder, mel: vocoder(mel[None], [20], **KNOWN),
    "each_step": lambda vocoder, mel: torch.stack(list(vocoder.each_step(mel, **KNOWN))),
    "stream": streamed,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", VOICES)
def test_a_model_elsewhere_speaks_as_here(name, call):
    expected = CALLS[call](VOICES[name](), MEL)
    vocoder = VOICES[name]()
    moved(vocoder.model)
    with PretendedGpu():
        found = CALLS[call](vocoder, MEL)
    assert isinstance(found, There)
    assert_close(brought(found), expected, rtol=0, atol=1e-5)
