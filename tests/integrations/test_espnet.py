"""ESPnet's Text2Speech over a tiny random Tacotron2."""

import numpy as np
import pytest
import torch
import yaml
from torch.testing import assert_close

from audiodiff.errors import MelMismatchError
from audiodiff.integrations import EspnetVocoder
from audiodiff.integrations.espnet import spec_of
from audiodiff.integrations.stage import standardized
from audiodiff.mel import convention
from tests.integrations.voices import voice_for

MEAN, STD = np.linspace(-3, -1, 80), np.linspace(0.5, 1.5, 80)
TINY = {
    "embed_dim": 8,
    "eunits": 8,
    "econv_layers": 1,
    "econv_chans": 8,
    "adim": 8,
    "aconv_chans": 4,
    "dlayers": 1,
    "dunits": 8,
    "prenet_units": 8,
    "postnet_layers": 1,
    "postnet_chans": 8,
    "use_guided_attn_loss": False,
}


@pytest.fixture
def text2speech(tmp_path):
    """A function that makes a pipeline as `Text2Speech.from_pretrained` does, from files."""
    inference = pytest.importorskip("espnet2.bin.tts_inference", reason="needs espnet")
    stats = np.stack([np.append(100 * MEAN, 100), np.append(100 * (STD**2 + MEAN**2), 0)])
    np.save(tmp_path / "stats.npy", stats)
    config = {
        "token_list": ["<blank>", "<unk>", "h", "i", "<sos/eos>"],
        "odim": None,
        "feats_extract": "fbank",
        "feats_extract_conf": {"fs": 22050, "n_fft": 1024, "hop_length": 256, "fmin": 80, "fmax": 7600},
        "normalize": "global_mvn",
        "normalize_conf": {"stats_file": str(tmp_path / "stats.npy")},
        "tts": "tacotron2",
        "tts_conf": TINY,
        "model_conf": {},
        "use_preprocessor": True,
        "token_type": "char",
        "bpemodel": None,
        "non_linguistic_symbols": None,
        "cleaner": None,
        "g2p": None,
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))

    def make(**options):
        torch.manual_seed(0)
        return inference.Text2Speech(
            tmp_path / "config.yaml", minlenratio=2.0, maxlenratio=3.0, always_fix_seed=True, **options
        )

    return make


@pytest.mark.filterwarnings("ignore")  # ESPnet's own
@pytest.mark.parametrize("normalized", [False, True])
def test_text2speech_speaks_through_the_vocoder(text2speech, normalized):
    pipeline = text2speech(prefer_normalized_feats=normalized)
    espnet = convention("espnet_22k")
    spec = spec_of(pipeline)
    if normalized:
        expected = standardized(espnet, pipeline.normalize.mean.flatten(), pipeline.normalize.std.flatten())
        np.testing.assert_allclose(spec.scale, STD, rtol=1e-4)
        np.testing.assert_allclose(spec.shift, MEAN, rtol=1e-4)
    else:
        expected = espnet
    assert spec == expected
    voice = voice_for(spec)
    pipeline.vocoder = EspnetVocoder(voice, pipeline)
    said = pipeline("hi")
    mel = said["feat_gen" if normalized else "feat_gen_denorm"]
    assert_close(said["wav"], voice(mel.T, spec=spec), rtol=0, atol=1e-5)
    assert pipeline.fs == 22050


@pytest.mark.filterwarnings("ignore")
def test_features_that_are_no_log_mels_are_refused(text2speech):
    pipeline = text2speech()
    pipeline.model.feats_extract.logmel.log_base = 2.0
    with pytest.raises(MelMismatchError, match="base 10 or e"):
        EspnetVocoder(voice_for(convention("espnet_22k")), pipeline)
