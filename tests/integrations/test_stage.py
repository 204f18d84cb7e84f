"""Laws of every adapter that needs no foreign object: the contract is held, layouts and lengths are as promised."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from audiodiff import Vocoder
from audiodiff.errors import ConfigError, MelMismatchError
from audiodiff.integrations import (
    FastSpeech2ConformerVocoder,
    HiftVocoder,
    MatchaVocoder,
    SpeechbrainVocoder,
    SpeechT5Vocoder,
    Tacotron2Vocoder,
    VocosVocoder,
)
from audiodiff.integrations.stage import VocoderStage
from audiodiff.integrations.torchaudio import WAVERNN
from audiodiff.mel import convention, convert_mel
from audiodiff.mel.contract import MelContractWarning
from tests.integrations.voices import mel_like, voice_for

MEAN, STD = torch.linspace(-3, -1, 80), torch.linspace(0.5, 1.5, 80)


class Case(NamedTuple):
    """How an adapter is made, and how a padded batch [batch, n_mels, frames] goes through it to [batch, samples]."""

    make: Callable[..., Any]
    vocode: Callable[[Any, Tensor, Tensor], Tensor]


CASES = {
    "speecht5": Case(SpeechT5Vocoder, lambda stage, mel, lengths: stage(mel.transpose(1, 2), lengths)),
    "fastspeech2_conformer": Case(
        lambda vocoder, **options: FastSpeech2ConformerVocoder(vocoder, MEAN, STD, **options),
        lambda stage, mel, lengths: stage(mel.transpose(1, 2), lengths),
    ),
    "torchaudio": Case(Tacotron2Vocoder, lambda stage, mel, lengths: stage(mel, lengths)[0]),
    "torchaudio_wavernn": Case(
        lambda vocoder, **options: Tacotron2Vocoder(vocoder, WAVERNN, **options),
        lambda stage, mel, lengths: stage(mel, lengths)[0],
    ),
    "speechbrain": Case(SpeechbrainVocoder, lambda stage, mel, lengths: stage.decode_batch(mel, lengths)[:, 0]),
    "matcha": Case(MatchaVocoder, lambda stage, mel, lengths: stage(mel, lengths)[:, 0]),
}
SPECS = {
    "speecht5": convention("speecht5_16k"),
    "fastspeech2_conformer": replace(convention("espnet_22k"), shift=MEAN.tolist(), scale=STD.tolist()),
    "torchaudio": convention("tacotron2_22k"),
    "torchaudio_wavernn": WAVERNN,
    "speechbrain": convention("speechbrain_22k"),
    "matcha": convention("matcha_22k"),
}
NAMES = pytest.mark.parametrize("name", CASES)


def own_voice(name: str) -> Vocoder:
    return voice_for(SPECS[name])


@NAMES
def test_it_declares_the_convention_of_the_library(name):
    assert CASES[name].make(own_voice(name)).spec == SPECS[name]


@NAMES
def test_without_a_voice_it_takes_the_one_for_every_mel(name):
    """No name of a bundle and no conversion: the mels of every library go to `universal` as they are."""
    stage = CASES[name].make(None)
    assert stage.vocoder.name == "universal"
    assert stage.vocoder.mel_spec == SPECS[name]
    mel = mel_like(SPECS[name], 12)
    wave = CASES[name].vocode(stage, mel, torch.tensor([12]))
    assert wave.shape == (1, 12 * SPECS[name].hop_length)
    assert wave.isfinite().all()


@NAMES
def test_it_says_what_the_vocoder_says_of_every_item_of_a_padded_batch(name):
    """Alone, in its true length, through the vocoder itself: the same sound, and silence behind it."""
    voice, spec = own_voice(name), SPECS[name]
    mel, lengths = mel_like(spec, frames=12, batch=2), torch.tensor([12, 7])
    waves = CASES[name].vocode(CASES[name].make(voice, seed=3, n_steps=2), mel, lengths)
    hop = spec.hop_length
    for wave, one, length in zip(waves, mel, lengths.tolist(), strict=True):
        assert_close(wave[: hop * length], voice(one[:, :length], spec=spec, seed=3, n_steps=2), rtol=0, atol=1e-5)
        assert not wave[hop * length :].any()
    waves += 1  # an ordinary tensor, that the pipeline may go on with


@NAMES
def test_a_voice_with_frames_at_other_times_is_refused_at_once(name):
    other = convention("bigvgan_24k")
    with pytest.raises(MelMismatchError, match="extract the mel again"):
        CASES[name].make(voice_for(other), convert="approximate")


@NAMES
def test_mels_are_converted_by_a_formula_or_else_only_on_request(name):
    spec = SPECS[name]
    decibels = replace(spec, log_base="10", gain=20.0, shift=0.0, scale=1.0)
    voice, mel = voice_for(decibels), mel_like(spec, frames=9)
    with pytest.warns(MelContractWarning, match="exact"):
        wave = CASES[name].vocode(CASES[name].make(voice), mel, torch.tensor([9]))
    assert_close(wave, voice(convert_mel(mel, spec, decibels), spec=decibels), rtol=0, atol=1e-4)
    other_bands = voice_for(replace(spec, f_min=spec.f_min + 10))
    with pytest.raises(MelMismatchError, match='convert="approximate"'):
        CASES[name].make(other_bands)
    with pytest.warns(MelContractWarning, match="approximate"):
        CASES[name].vocode(CASES[name].make(other_bands, convert="approximate"), mel, torch.tensor([9]))


def test_it_moves_with_the_pipeline_and_refuses_bad_wishes():
    voice = voice_for(SPECS["matcha"])
    pipeline = torch.nn.Sequential(MatchaVocoder(voice))
    assert isinstance(pipeline[0], VocoderStage)
    assert set(pipeline.parameters()) == set(voice.model.parameters())
    assert pipeline[0].sample_rate == 22050
    with pytest.raises(ConfigError, match="sampler"):
        MatchaVocoder(voice, sampler="magic")


def test_one_mel_without_a_batch():
    speecht5, speechbrain = SPECS["speecht5"], SPECS["speechbrain"]
    mel = mel_like(speecht5, frames=5)[0]
    assert SpeechT5Vocoder(voice_for(speecht5))(mel.T).shape == (5 * 256,)
    mel = mel_like(speechbrain, frames=5)[0]
    stage = SpeechbrainVocoder(voice_for(speechbrain))
    assert stage.decode_spectrogram(mel).shape == (1, 5 * 256)
    assert_close(stage(mel[None])[0], stage.decode_spectrogram(mel), rtol=0, atol=0)


def test_zeros_at_the_end_of_a_batch_of_transformers_are_padding():
    spec = SPECS["speecht5"]
    voice, stage = voice_for(spec), SpeechT5Vocoder(voice_for(spec))
    mel = mel_like(spec, frames=8, batch=3)
    mel[1, :, 5:] = 0
    mel[2] = 0
    waves = stage(mel.transpose(1, 2))
    assert_close(waves[1, : 5 * 256], voice(mel[1, :, :5], spec=spec), rtol=0, atol=1e-5)
    assert not waves[1, 5 * 256 :].any()
    assert not waves[2, 256:].any()


@pytest.mark.parametrize(("make", "name"), [(VocosVocoder, "f5_vocos_24k"), (HiftVocoder, "cosyvoice2_24k")])
def test_slots_of_published_vocoders(make, name):
    """The layouts of Vocos' and HiFT's own methods, and the sound of the vocoder itself."""
    spec = convention(name)
    voice, mel = voice_for(spec), mel_like(spec, frames=7, batch=2)
    stage = make(voice, seed=3, n_steps=2)
    if make is VocosVocoder:
        waves = stage.decode(mel)
    else:
        waves, source = stage.inference(speech_feat=mel, cache_source=torch.zeros(1, 1, 0))
        assert source.shape == (2, 1, 7 * spec.hop_length)
    assert_close(waves, voice(mel, spec=spec, seed=3, n_steps=2), rtol=0, atol=1e-5)
    with pytest.raises(MelMismatchError, match="extract the mel again"):
        make(voice_for(SPECS["matcha"]))


def test_transposed_mels_and_strange_hops_are_refused():
    spec = SPECS["speechbrain"]
    stage = SpeechbrainVocoder(voice_for(spec))
    with pytest.raises(MelMismatchError, match="transposed"):
        stage.decode_batch(mel_like(spec, frames=6).transpose(1, 2))
    with pytest.raises(ConfigError, match="hop_len 300"):
        stage.decode_batch(mel_like(spec, frames=6), torch.tensor([6]), 300)
    assert stage.decode_batch(mel_like(spec, frames=6), torch.tensor([4]), 256).shape == (1, 1, 6 * 256)


def test_torchaudio_s_lengths_go_out_as_samples():
    stage = Tacotron2Vocoder(voice_for(SPECS["torchaudio"]))
    mel = mel_like(stage.spec, frames=6, batch=2)
    assert stage(mel)[1] is None
    assert stage(mel, torch.tensor([6, 2]))[1].tolist() == [6 * 256, 2 * 256]


def test_a_convention_may_be_named():
    stage = SpeechbrainVocoder(voice_for(convention("speechbrain_22k")), "speechbrain_22k")
    assert stage.spec == convention("speechbrain_22k")
    with pytest.raises(ConfigError, match="speechbrain_22k"):
        SpeechbrainVocoder(None, "speechbrain")


@pytest.mark.parametrize("given", ["ljspeech-fast", torch.nn.Identity(), 3])
def test_what_is_no_vocoder_is_refused_in_a_sentence(given):
    with pytest.raises(ConfigError, match=r"expected one, as Vocoder\.from_pretrained"):
        MatchaVocoder(given)
