"""A vocoder as a model: its facts, its device, its precision, and where it comes from."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.bundle.format import read_config
from audiodiff.bundle.location import BUNDLES, DEFAULT_VOICE, hub_address
from audiodiff.errors import BundleError, ConfigError
from audiodiff.integrations import MatchaVocoder
from tests.integrations.voices import voice_for
from tests.tiny_voices import HIFIGAN, inversion, mel_of

MEL = mel_of(9)


@pytest.fixture
def vocoder():
    return inversion()


def test_facts_of_the_default_voice():
    vocoder = Vocoder.from_pretrained()
    assert (vocoder.sample_rate, vocoder.hop_length, vocoder.n_mels) == (22050, 256, 80)
    assert (vocoder.device, vocoder.dtype) == (torch.device("cpu"), torch.float32)
    config = read_config(BUNDLES / DEFAULT_VOICE)
    assert vocoder.config["model"] == config["model"]
    vocoder.config["model"].clear()
    assert vocoder.config["model"] == config["model"]
    said = repr(vocoder)
    for fact in (DEFAULT_VOICE, "sample_rate=22050", "n_mels=80", "hop_length=256", "n_steps=", "'cpu'", "float32"):
        assert fact in said


def test_decode_is_the_call(vocoder):
    assert_close(vocoder.decode(MEL, spec=HIFIGAN, seed=2), vocoder(MEL, spec=HIFIGAN, seed=2), rtol=0, atol=0)


HALVES = {
    "half": lambda vocoder: vocoder.half(),
    "to": lambda vocoder: vocoder.to(torch.float16),
    "to dtype": lambda vocoder: vocoder.to(dtype=torch.float16),
    "to both": lambda vocoder: vocoder.to("cpu", torch.float16),
}


@pytest.mark.parametrize("name", HALVES)
def test_every_way_to_half_precision_leads_there_and_back(vocoder, name):
    exact = vocoder(MEL, spec=HIFIGAN)
    reduced = HALVES[name](vocoder)
    assert reduced is vocoder
    assert vocoder.dtype == torch.float16
    assert {parameter.dtype for parameter in vocoder.model.parameters()} == {torch.float32}
    rough = vocoder(MEL, spec=HIFIGAN)
    assert rough.dtype == torch.float32
    assert 0 < (rough - exact).abs().max() < 0.05 * exact.abs().max()
    assert_close(vocoder.to(torch.float32)(MEL, spec=HIFIGAN), exact, rtol=0, atol=0)


def test_bfloat16_by_its_dtype(vocoder):
    assert vocoder.to(torch.bfloat16).dtype == vocoder.bfloat16().dtype == torch.bfloat16
    assert vocoder.float().dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float64, torch.int8])
def test_other_dtypes_are_refused(vocoder, dtype):
    with pytest.raises(ConfigError, match="choose one of"):
        vocoder.to(dtype)
    assert vocoder.dtype == torch.float32


def test_moves_by_the_usual_names(vocoder):
    assert vocoder.cpu().eval().to("cpu").to(torch.device("cpu")) is vocoder
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="cannot use device 'cuda'"):
            vocoder.cuda()


def test_a_pipeline_in_half_precision_keeps_its_vocoder_whole():
    voice = voice_for(HIFIGAN)
    stage = MatchaVocoder(voice, HIFIGAN)
    exact = stage(MEL[None])
    pipeline = nn.Sequential(stage).half()
    assert voice.dtype == torch.float16
    assert {parameter.dtype for parameter in voice.model.parameters()} == {torch.float32}
    assert 0 < (pipeline(MEL[None].half()) - exact).abs().max() < 0.05 * exact.abs().max() + 1e-3
    pipeline.float()
    assert_close(pipeline(MEL[None]), exact, rtol=0, atol=0)


@pytest.mark.parametrize("option", [{"revision": "main"}, {"token": "x"}, {"cache_dir": "x"}])
def test_options_of_the_hub_belong_to_models_of_the_hub(option):
    with pytest.raises(ConfigError, match=next(iter(option))):
        Vocoder.from_pretrained(DEFAULT_VOICE, **option)


def test_names_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    assert hub_address("user/repo") == hub_address("hub:user/repo") == "user/repo"
    assert hub_address("user/repo@v1") == "user/repo@v1"
    for local in ("runs/mine", "ljspeech-fast", "./user/repo", "a/b/c", "/user/repo", tmp_path / "user" / "repo"):
        assert hub_address(local) is None
    with pytest.raises(BundleError, match="no model 'runs/mine'"):
        Vocoder.from_pretrained("runs/mine")
