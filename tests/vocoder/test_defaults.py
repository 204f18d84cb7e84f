"""torch's ambient defaults are the caller's: whatever they are, a voice loads and speaks as under the usual ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from audiodiff import Vocoder
from audiodiff.audio import load_audio
from audiodiff.generation.generator import Generator
from audiodiff.mel import MelSpectrogram, convention
from tests.conftest import CLIP

pytestmark = pytest.mark.filterwarnings("ignore::audiodiff.mel.contract.MelContractWarning")  # of a guess
VOICES = ("ljspeech-tiny", "ljspeech-fast", "diffwave-ljspeech", "universal")
WAVE = load_audio(CLIP, 22050)[3000:18000]


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(device: str) -> Iterator[None]:
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


AMBIENCES = {
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "with meta": lambda: torch.device("meta"),
    "meta": lambda: default_device("meta"),
}


def parts(vocoder: Vocoder, mel: Tensor) -> Tensor:
    stream = vocoder.stream(n_steps=2)
    return torch.cat([stream.feed(mel[:, :9]), stream.feed(mel[:, 9:]), stream.flush()])


CALLS: dict[str, Callable[[Vocoder, Tensor], Tensor]] = {
    "call": lambda vocoder, mel: vocoder(mel, spec=vocoder.mel_spec, n_steps=2),
    "times": lambda vocoder, mel: vocoder(mel, spec=vocoder.mel_spec, times=vocoder.times(2)),
    "list": lambda vocoder, mel: vocoder([mel[:, :20], mel], spec=vocoder.mel_spec, n_steps=1)[1],
    "padded": lambda vocoder, mel: vocoder(mel[None], lengths=[20], spec=vocoder.mel_spec, n_steps=1),
    "numpy": lambda vocoder, mel: torch.from_numpy(vocoder(mel.numpy(), spec=vocoder.mel_spec, n_steps=1)),
    "each_step": lambda vocoder, mel: list(vocoder.each_step(mel, spec=vocoder.mel_spec, n_steps=2))[-1],
    "guess": lambda vocoder, mel: vocoder(mel, n_steps=1),
    "stream": parts,
    "mel": lambda vocoder, mel: vocoder.mel(mel.new_tensor(WAVE.tolist(), device="cpu"), 24000),
}


@pytest.fixture(scope="module", params=VOICES)
def usual(request) -> tuple[str, Vocoder, Tensor, dict[str, Tensor]]:
    """A voice, a mel of its own, and what becomes of that under the usual defaults."""
    vocoder = Vocoder.from_pretrained(request.param)
    mel = vocoder.mel(WAVE)
    return request.param, vocoder, mel, {name: call(vocoder, mel) for name, call in CALLS.items()}


@pytest.mark.parametrize("ambience", AMBIENCES)
def test_a_voice_speaks_as_ever(usual, ambience):
    name, vocoder, mel, expected = usual
    with AMBIENCES[ambience]():
        before = torch.get_default_dtype(), torch.get_default_device()
        loaded = Vocoder.from_pretrained(name)
        found = {(i, call): CALLS[call](voice, mel) for i, voice in enumerate((vocoder, loaded)) for call in CALLS}
        assert (torch.get_default_dtype(), torch.get_default_device()) == before
    for (_, call), wave in found.items():
        assert wave.dtype == torch.float32, call
        assert wave.device.type == "cpu", call
        assert torch.equal(wave, expected[call]), call


@pytest.mark.parametrize("name", VOICES)
def test_loading_leaves_the_random_numbers_to_the_caller(name):
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    vocoder = Vocoder.from_pretrained(name, mel=convention("espnet_24k") if name == "universal" else None)
    if name == "universal":
        vocoder.for_mel("f5_24k")
    assert torch.equal(torch.randn(3), expected)


@pytest.mark.parametrize("ambience", AMBIENCES)
def test_a_voice_of_every_mel_is_adapted_as_ever(ambience):
    spec, usual = convention("f5_24k"), Vocoder.from_pretrained("universal")
    mel = usual.for_mel(spec).mel(WAVE)
    expected = usual.for_mel(spec)(mel, spec=spec)
    with AMBIENCES[ambience]():
        wave = Vocoder.from_pretrained("universal", mel=spec)(mel, spec=spec)
        pitch = Vocoder.from_pretrained("universal", mel=spec).pitch(mel, spec=spec)
    assert torch.equal(wave, expected)
    assert torch.equal(pitch, usual.for_mel(spec).pitch(mel, spec=spec))


@pytest.mark.parametrize("ambience", AMBIENCES)
def test_a_front_end_hears_as_ever(ambience):
    for name in ("hifigan_22k", "tacotron2_22k", "speecht5_16k"):
        expected = MelSpectrogram(convention(name))(WAVE[None])
        with AMBIENCES[ambience]():
            found = MelSpectrogram(convention(name))(WAVE[None])
        assert torch.equal(found, expected), name


@pytest.mark.parametrize("ambience", AMBIENCES)
def test_a_generator_draws_as_ever(ambience):
    expected = Generator.from_pretrained("fsdd-digits")(label="six", n_steps=2, seed=1)
    with AMBIENCES[ambience]():
        found = Generator.from_pretrained("fsdd-digits")(label="six", n_steps=2, seed=1)
    assert torch.equal(found, expected)
