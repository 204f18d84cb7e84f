"""torchaudio's Tacotron2 with tiny random weights, between its own text processor and the vocoder."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.integrations import Tacotron2Vocoder
from audiodiff.integrations.torchaudio import GRIFFINLIM
from tests.integrations.voices import voice_for

torchaudio = pytest.importorskip("torchaudio", reason="needs torchaudio", exc_type=ImportError)


def test_a_bundle_speaks_through_the_vocoder():
    bundle = torchaudio.pipelines.TACOTRON2_GRIFFINLIM_CHAR_LJSPEECH
    torch.manual_seed(0)
    tacotron2 = torchaudio.models.Tacotron2(
        n_symbol=len(bundle.get_text_processor().tokens),
        symbol_embedding_dim=8,
        encoder_embedding_dim=8,
        attention_rnn_dim=8,
        attention_hidden_dim=8,
        attention_location_n_filter=4,
        decoder_rnn_dim=8,
        decoder_max_step=9,
        prenet_dim=8,
        postnet_embedding_dim=8,
    ).eval()
    voice = voice_for(GRIFFINLIM)
    tokens, lengths = bundle.get_text_processor()(["Hello!", "Hi."])
    with torch.inference_mode():
        mel, frames, _ = tacotron2.infer(tokens, lengths)
        waves, samples = Tacotron2Vocoder(voice)(mel, frames)
    reference = bundle.get_vocoder()
    assert Tacotron2Vocoder(voice).sample_rate == reference.sample_rate
    assert samples.tolist() == (256 * frames).tolist()
    for wave, one, length in zip(waves, mel, frames.tolist(), strict=True):
        assert_close(wave[: 256 * length], voice(one[:, :length], spec=GRIFFINLIM), rtol=0, atol=1e-5)
