"""Matcha-TTS with tiny random weights."""

from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from audiodiff.integrations import MatchaVocoder
from audiodiff.mel import convention
from tests.integrations.voices import voice_for

SPEC = convention("matcha_22k")


@pytest.mark.filterwarnings("ignore")  # Matcha's and its dependencies' own
def test_matcha_speaks_through_the_vocoder():
    pytest.importorskip("matcha.models.matcha_tts", reason="needs matcha-tts")
    from matcha.models.matcha_tts import MatchaTTS

    encoder = SimpleNamespace(
        n_feats=80,
        n_channels=8,
        filter_channels=8,
        filter_channels_dp=8,
        n_heads=2,
        n_layers=1,
        kernel_size=3,
        p_dropout=0.0,
        spk_emb_dim=8,
        n_spks=1,
        prenet=False,
    )
    durations = SimpleNamespace(filter_channels_dp=8, kernel_size=3, p_dropout=0.0)
    torch.manual_seed(0)
    matcha = MatchaTTS(
        n_vocab=20,
        n_spks=1,
        spk_emb_dim=8,
        n_feats=80,
        encoder=SimpleNamespace(
            encoder_type="RoPE Encoder", encoder_params=encoder, duration_predictor_params=durations
        ),
        decoder={
            "channels": [16, 16],
            "attention_head_dim": 8,
            "num_mid_blocks": 1,
            "num_heads": 1,
            "act_fn": "snakebeta",
        },
        cfm=SimpleNamespace(name="CFM", solver="euler", sigma_min=1e-4),
        data_statistics={"mel_mean": -5.5, "mel_std": 2.1},
        out_size=None,
    ).eval()
    voice = voice_for(SPEC)
    text = torch.tensor([[1, 2, 3, 4, 5, 6]])
    mel = matcha.synthesise(text, torch.tensor([6]), n_timesteps=2)["mel"]
    wave = MatchaVocoder(voice)(mel).clamp(-1, 1).squeeze()  # as its `to_waveform` does, whose module needs espeak
    assert_close(wave, voice(mel[0], spec=SPEC).clamp(-1, 1), rtol=0, atol=1e-5)
    assert mel.mean() < -2  # brought back from the model's own mean and deviation
