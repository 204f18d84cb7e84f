"""SpeechBrain's Tacotron2 interface over a tiny random network."""

import pytest
import torch
from torch.testing import assert_close

from audiodiff.integrations import SpeechbrainVocoder
from audiodiff.mel import convention
from tests.integrations.voices import voice_for

SPEC = convention("speechbrain_22k")


@pytest.mark.filterwarnings("ignore")  # SpeechBrain's own
def test_tacotron2_speaks_through_the_vocoder():
    pytest.importorskip("speechbrain", reason="needs speechbrain")
    from speechbrain.inference.TTS import Tacotron2
    from speechbrain.lobes.models.Tacotron2 import Tacotron2 as Network
    from speechbrain.utils.text_to_sequence import text_to_sequence

    torch.manual_seed(0)
    network = Network(
        symbols_embedding_dim=8,
        encoder_embedding_dim=8,
        attention_rnn_dim=8,
        attention_dim=8,
        attention_location_n_filters=4,
        decoder_rnn_dim=8,
        max_decoder_steps=9,
        prenet_dim=8,
        postnet_embedding_dim=8,
    ).eval()
    torch.nn.init.constant_(network.decoder.gate_layer.linear_layer.bias, -9.0)  # it never wants to stop
    hparams = {"model": network, "text_to_sequence": text_to_sequence}
    tacotron2 = Tacotron2(modules={"model": network}, hparams=hparams)
    voice = voice_for(SPEC)
    mel, frames, _ = tacotron2.encode_batch(["Hello!", "Hi."])
    waves = SpeechbrainVocoder(voice).decode_batch(mel, frames, 256)
    assert waves.shape == (2, 1, 256 * mel.shape[2])
    for wave, one, length in zip(waves[:, 0], mel, frames.tolist(), strict=True):
        assert_close(wave[: 256 * length], voice(one[:, :length], spec=SPEC), rtol=0, atol=1e-5)
