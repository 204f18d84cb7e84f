"""Speaking needs an acoustic model that is at hand; a tiny random one stands for it."""

import pytest
import torch

from audiodiff.demo.limits import Limits
from audiodiff.demo.speech import Speaker, load_speaker, speaking
from audiodiff.demo.takes import Settings
from audiodiff.errors import InputError, MelMismatchError
from audiodiff.mel import convention
from tests.integrations.voices import voice_for

LIMITS = Limits(duration=0.5, letters=20)


class Letters:
    """A tokenizer: one token for each letter."""

    def __call__(self, text, return_tensors):
        return type("Batch", (), {"input_ids": torch.tensor([[1 + ord(letter) % 18 for letter in text]])})


@pytest.fixture(scope="module")
def speaker():
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    config = transformers.SpeechT5Config(
        vocab_size=20,
        hidden_size=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        speech_decoder_prenet_units=8,
        speech_decoder_postnet_units=8,
        speech_decoder_postnet_layers=2,
        speaker_embedding_dim=16,
    )
    torch.manual_seed(0)
    return Speaker(transformers.SpeechT5ForTextToSpeech(config), Letters())


@pytest.fixture(scope="module")
def voice():
    return voice_for(convention("speecht5_16k"))


def test_the_seed_decides_and_the_length_is_bounded(speaker, voice):
    waves = [speaker("hello", voice, Settings(seed=seed, steps=1), LIMITS) for seed in (0, 0, 1)]
    assert all(0 < len(wave) <= 0.5 * 16000 for wave in waves)
    assert waves[0].equal(waves[1])
    assert waves[0].shape != waves[2].shape or not waves[0].equal(waves[2])


@pytest.mark.parametrize("text", ["", "   ", "x" * 21])
def test_a_text_has_a_length(speaker, voice, text):
    with pytest.raises(InputError, match="1 to 20"):
        speaker(text, voice, Settings(), LIMITS)


def test_a_voice_of_other_mels_cannot_speak(speaker):
    with pytest.raises(MelMismatchError, match="speecht5_16k"):
        speaker("hello", voice_for(convention("hifigan_22k")), Settings(), LIMITS)


@pytest.mark.parametrize("config", [None, "{}"])
def test_weights_that_are_not_here_are_said_to_be_missing(tmp_path, config):
    pytest.importorskip("huggingface_hub", reason="needs huggingface_hub")
    if config is not None:
        pytest.importorskip("transformers", reason="needs transformers")
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(InputError, match="speaking needs"):
        load_speaker(str(tmp_path))


def test_the_page_offers_voices_of_its_mels(voice):
    other = voice_for(convention("hifigan_22k"))
    assert list(speaking({"other": other, "sixteen": voice})) == ["sixteen"]
    assert list(speaking({"other": other})) == ["other"]
