"""Coqui's Synthesizer over a tiny random Glow-TTS."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from audiodiff.errors import MelMismatchError
from audiodiff.integrations import CoquiVocoder
from audiodiff.integrations.coqui import spec_of
from audiodiff.mel import convention
from tests.integrations.voices import voice_for

DECIBELS = replace(convention("coqui_22k"), shift=0.0, scale=1.0, range=None)
"""Coqui's defaults after the scaling to -4 … 4 is undone."""


@pytest.fixture
def synthesizer(tmp_path):
    pytest.importorskip("TTS.utils.synthesizer", reason="needs coqui-tts and torchcodec", exc_type=ImportError)
    from TTS.config.shared_configs import BaseAudioConfig
    from TTS.tts.configs.glow_tts_config import GlowTTSConfig
    from TTS.tts.models.glow_tts import GlowTTS
    from TTS.utils.synthesizer import Synthesizer

    config = GlowTTSConfig(
        audio=BaseAudioConfig(sample_rate=22050),
        hidden_channels_enc=8,
        hidden_channels_dec=8,
        hidden_channels_dp=8,
        encoder_params={
            "kernel_size": 3,
            "dropout_p": 0.0,
            "num_layers": 1,
            "num_heads": 2,
            "hidden_channels_ffn": 8,
            "input_length": None,
        },
        num_flow_blocks_dec=1,
        num_block_layers=1,
        data_dep_init_steps=0,
    )
    torch.manual_seed(0)
    model = GlowTTS.init_from_config(config)
    model.config.save_json(tmp_path / "config.json")
    torch.save({"model": model.state_dict()}, tmp_path / "model.pth")
    return Synthesizer(tts_checkpoint=tmp_path / "model.pth", tts_config_path=tmp_path / "config.json")


@pytest.mark.filterwarnings("ignore")  # Coqui's own
def test_the_synthesizer_speaks_through_the_vocoder(synthesizer, monkeypatch):
    voice, heard = voice_for(DECIBELS), []
    stage = CoquiVocoder(voice, synthesizer)
    assert stage.spec == DECIBELS
    stage.install()
    monkeypatch.setattr(stage, "inference", lambda mel: heard.append(mel) or CoquiVocoder.inference(stage, mel))
    torch.manual_seed(1)
    said = np.array(synthesizer.tts("hello there", split_sentences=False))
    wave = voice(heard[0][0].float(), spec=DECIBELS)
    assert synthesizer.output_sample_rate == 22050
    assert_close(torch.from_numpy(said[: len(wave)]).float(), wave, rtol=0, atol=1e-5)
    assert -80.0 <= heard[0].min() < -4.0  # decibels again, no longer -4 … 4


@pytest.mark.filterwarnings("ignore")
def test_models_of_pre_emphasized_audio_are_refused(synthesizer):
    ap = synthesizer.tts_model.ap
    assert spec_of(ap) == DECIBELS
    ap.preemphasis = 0.97
    with pytest.raises(MelMismatchError, match=r"preemphasis 0\.97"):
        CoquiVocoder(voice_for(DECIBELS), synthesizer)
