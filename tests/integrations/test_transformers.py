"""SpeechT5 and FastSpeech2Conformer of transformers itself, with tiny random weights."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.integrations import FastSpeech2ConformerVocoder, SpeechT5Vocoder
from audiodiff.integrations.stage import standardized
from audiodiff.mel import convention
from tests.integrations.voices import voice_for

transformers = pytest.importorskip("transformers", reason="needs transformers")

SPEECHT5 = convention("speecht5_16k")
SPEAKER = torch.linspace(-1, 1, 16).expand(2, -1)
TEXT = torch.tensor([[5, 6, 7, 8], [9, 10, 1, 1]])
NORMALIZED = standardized(convention("espnet_22k"), [-2.0] * 80, [0.5] * 80)


@pytest.fixture(scope="module")
def speecht5():
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
        num_mel_bins=80,
        reduction_factor=2,
    )
    torch.manual_seed(0)
    return transformers.SpeechT5ForTextToSpeech(config).eval()


def spoken(model, text, speaker, **options):
    torch.manual_seed(1)  # the prenet's dropout is never off
    return model.generate_speech(text, speaker_embeddings=speaker, minlenratio=2.0, maxlenratio=3.0, **options)


def test_speecht5_speaks_through_the_vocoder(speecht5):
    voice = voice_for(SPEECHT5)
    mel = spoken(speecht5, TEXT[:1], SPEAKER[:1])
    wave = spoken(speecht5, TEXT[:1], SPEAKER[:1], vocoder=SpeechT5Vocoder(voice))
    assert mel.shape[1] == 80
    assert_close(wave, voice(mel.T, spec=SPEECHT5), rtol=0, atol=1e-5)


def test_a_batch_of_speecht5_has_the_lengths_that_transformers_says(speecht5):
    voice = voice_for(SPEECHT5)
    options = {"attention_mask": TEXT.ne(1).long(), "return_output_lengths": True}
    mels, frames = spoken(speecht5, TEXT, SPEAKER, **options)
    waves, samples = spoken(speecht5, TEXT, SPEAKER, vocoder=SpeechT5Vocoder(voice), **options)
    assert samples == [256 * length for length in frames]
    for wave, mel, length in zip(waves, mels, frames, strict=True):
        assert_close(wave[: 256 * length], voice(mel[:length].T, spec=SPEECHT5), rtol=0, atol=1e-5)


def test_the_text_to_speech_pipeline_takes_the_vocoder(speecht5):
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"hello": 5, "world": 6, "?": 7}, unk_token="?"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?")
    voice = voice_for(SPEECHT5)
    speak = transformers.pipeline(
        "text-to-speech", model=speecht5, tokenizer=tokenizer, vocoder=SpeechT5Vocoder(voice), device="cpu"
    )
    said = speak("hello world", forward_params={"speaker_embeddings": SPEAKER[:1], "maxlenratio": 3.0})
    assert said["sampling_rate"] == 16000
    assert said["audio"].size % (256 * 2) == 0
    assert said["audio"].size > 0


@pytest.mark.filterwarnings("ignore:Initializing zero-element")  # by a network without speakers
def test_fastspeech2_conformer_speaks_through_the_vocoder():
    config = transformers.FastSpeech2ConformerWithHifiGanConfig(
        model_config={
            "hidden_size": 16,
            "vocab_size": 20,
            "num_mel_bins": 80,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_num_attention_heads": 2,
            "decoder_num_attention_heads": 2,
            "encoder_linear_units": 16,
            "decoder_linear_units": 16,
            "speech_decoder_postnet_units": 8,
            "speech_decoder_postnet_layers": 1,
            "duration_predictor_channels": 8,
            "energy_predictor_channels": 8,
            "pitch_predictor_channels": 8,
            "pitch_predictor_layers": 1,
        },
        vocoder_config={"upsample_initial_channel": 8, "resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1]]},
    )
    torch.manual_seed(0)
    model = transformers.FastSpeech2ConformerWithHifiGan(config).eval()
    torch.nn.init.constant_(model.model.duration_predictor.linear.bias, 1.0)  # a few frames for every phone
    voice = voice_for(NORMALIZED)
    model.vocoder = FastSpeech2ConformerVocoder(voice, [-2.0] * 80, [0.5] * 80)
    with torch.no_grad():
        said = model(TEXT[:1], return_dict=True)
    mel = said.spectrogram[0]
    assert len(mel) > 4
    assert_close(said.waveform[0], voice(mel.T, spec=NORMALIZED), rtol=0, atol=1e-5)
