"""NeMo's FastPitch with tiny random weights; and its documented attributes, where NeMo is not installed."""

from types import SimpleNamespace

import pytest
import torch
from torch.testing import assert_close

from audiodiff.errors import MelMismatchError
from audiodiff.integrations import NemoVocoder
from audiodiff.integrations.nemo import spec_of
from audiodiff.mel import MelSpec, MelSpectrogram, compare, convention
from tests.integrations.voices import mel_like, voice_for

CONFIG = {
    "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
    "features": 80,
    "lowfreq": 0,
    "highfreq": 8000,
    "n_fft": 1024,
    "n_window_size": 1024,
    "window_size": None,
    "n_window_stride": 256,
    "window_stride": None,
    "pad_to": 1,
    "pad_value": 0,
    "sample_rate": 22050,
    "window": "hann",
    "normalize": None,
    "preemph": None,
    "dither": 0.0,
    "frame_splicing": 1,
    "log": True,
    "log_zero_guard_type": "add",
    "log_zero_guard_value": 1e-5,
    "mag_power": 1.0,
}
"""The preprocessor of NeMo's FastPitch recipe for LJSpeech."""
FASTPITCH = MelSpec(
    sample_rate=22050,
    n_fft=1024,
    win_length=1024,
    hop_length=256,
    n_mels=80,
    f_max=8000.0,
    floor_mode="add",
    periodic=False,
    pad_mode="constant",
)


def model_with(**changes):
    """What the adapter reads of a model: its configuration, and the attributes of its featurizer."""
    attributes = {
        "sample_rate": 22050,
        "n_fft": 1024,
        "win_length": 1024,
        "hop_length": 256,
        "nfilt": 80,
        "mag_power": 1.0,
        "exact_pad": False,
        "use_grads": False,
        "log_zero_guard_type": "add",
        "log_zero_guard_value": 1e-5,
        "preemph": None,
        "normalize": None,
        "log": True,
        "frame_splicing": 1,
    }
    config = CONFIG | {name: value for name, value in changes.items() if name not in attributes}
    featurizer = SimpleNamespace(**attributes | {k: v for k, v in changes.items() if k in attributes})
    return SimpleNamespace(
        preprocessor=SimpleNamespace(featurizer=featurizer), cfg=SimpleNamespace(preprocessor=config)
    )


def test_the_convention_is_that_of_the_recipe():
    assert spec_of(model_with()) == FASTPITCH
    exact = model_with(exact_pad=True, log_zero_guard_type="clamp")
    assert set(compare(spec_of(exact), convention("nemo_22k")).differences) == {"last_frame"}
    assert spec_of(model_with(highfreq=None, lowfreq=None, mag_power=2.0, mel_norm=None)) == MelSpec.from_dict(
        FASTPITCH.to_dict() | {"f_max": None, "power": 2, "mel_norm": None}
    )


def test_a_voice_for_hifigan_takes_them_without_being_asked():
    """They are near relatives: the same bands, half a hop apart."""
    voice, mel = voice_for(convention("hifigan_22k")), mel_like(FASTPITCH, frames=9, batch=2)
    stage = NemoVocoder(voice, model_with(), n_steps=2, seed=3)
    audio = stage.convert_spectrogram_to_audio(spec=mel)
    assert audio.shape == (2, 9 * 256)
    assert_close(stage(spec=mel), audio.unsqueeze(1), rtol=0, atol=0)
    assert_close(audio[1], voice(mel[1], spec=FASTPITCH, n_steps=2, seed=3), rtol=0, atol=1e-5)
    short = stage.convert_spectrogram_to_audio(spec=mel, lengths=torch.tensor([9, 4]))
    assert short[0].any()
    assert not short[1, 4 * 256 :].any()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("preemph", 0.97),
        ("normalize", "per_feature"),
        ("log", False),
        ("frame_splicing", 2),
        ("window", "hamming"),
        ("mag_power", 1.5),
        ("log_zero_guard_value", "tiny"),
    ],
)
def test_features_that_are_no_plain_log_mels_are_refused(name, value):
    with pytest.raises(MelMismatchError, match=f"{name} {value!r}"):
        spec_of(model_with(**{name: value}))


@pytest.fixture
def featurizer():
    """NeMo's own, made from the recipe's configuration with some changes."""
    modules = pytest.importorskip("nemo.collections.asr.modules", reason="needs nemo_toolkit", exc_type=ImportError)

    def make(**changes):
        arguments = {name: value for name, value in (CONFIG | changes).items() if name != "_target_"}
        return modules.AudioToMelSpectrogramPreprocessor(**arguments)

    return make


@pytest.mark.filterwarnings("ignore")  # NeMo's own
@pytest.mark.parametrize("changes", [{}, {"exact_pad": True}, {"mag_power": 2.0}, {"log_zero_guard_type": "clamp"}])
def test_nemo_computes_what_the_convention_says(featurizer, clip, changes):
    preprocessor = featurizer(**changes).eval()
    spec = spec_of(SimpleNamespace(preprocessor=preprocessor, cfg=SimpleNamespace(preprocessor=CONFIG | changes)))
    theirs, _ = preprocessor(input_signal=clip[None], length=torch.tensor([len(clip)]))
    ours = MelSpectrogram(spec)(clip[None])
    assert_close(ours[..., 2:-3], theirs[..., 2 : ours.shape[-1] - 3], rtol=0, atol=2e-3)


def tiny_fastpitch(models):
    """A FastPitch as its recipe configures it, of one layer of 16 channels in every part, for eight symbols."""
    stack = {"n_layer": 1, "n_head": 1, "d_model": 16, "d_head": 16, "d_inner": 16, "kernel_size": 3}
    stack |= {"dropout": 0.0, "dropatt": 0.0, "dropemb": 0.0}
    part = "nemo.collections.tts.modules."
    predictor = {"input_size": 16, "filter_size": 16, "kernel_size": 3, "dropout": 0.0, "n_layers": 1}
    predictor["_target_"] = part + "fastpitch.TemporalPredictor"
    from omegaconf import OmegaConf

    torch.manual_seed(0)
    config = {
        "n_mel_channels": 80,
        "symbols_embedding_dim": 16,
        "pitch_embedding_kernel_size": 3,
        "min_token_duration": 3,
        "max_token_duration": 20,
        "labels": list("abcdefgh"),
        "preprocessor": CONFIG,
        "input_fft": stack | {"_target_": part + "transformer.FFTransformerEncoder", "n_embed": 8, "d_embed": 16},
        "output_fft": stack | {"_target_": part + "transformer.FFTransformerDecoder"},
        "duration_predictor": predictor,
        "pitch_predictor": predictor,
    }
    return models.FastPitchModel(cfg=OmegaConf.create(config)).eval()


@pytest.mark.filterwarnings("ignore")  # NeMo's own
def test_fastpitch_speaks_through_the_vocoder():
    models = pytest.importorskip("nemo.collections.tts.models", reason="needs nemo_toolkit", exc_type=ImportError)
    fastpitch = tiny_fastpitch(models)
    voice = voice_for(FASTPITCH)
    speak = NemoVocoder(voice, fastpitch)
    assert speak.spec == FASTPITCH
    mel = fastpitch.generate_spectrogram(tokens=torch.tensor([[1, 2, 3, 4, 5]]))
    audio = speak.convert_spectrogram_to_audio(spec=mel)
    assert audio.shape == (1, 256 * mel.shape[-1])
    assert_close(audio[0], voice(mel[0].detach(), spec=FASTPITCH), rtol=0, atol=1e-5)
