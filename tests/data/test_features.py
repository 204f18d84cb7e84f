"""Manifests, and the two places that features come from."""

import json
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from audiodiff.audio import load_audio
from audiodiff.audio.io import resample
from audiodiff.data import FeatureStore, LiveFeatures, Utterance, read_manifest, write_manifest
from audiodiff.data.excerpt import length_of, read_excerpt
from audiodiff.data.preparation import compute_all
from audiodiff.errors import AudioError, InputError, MelError, MelMismatchError
from audiodiff.mel import MelSpectrogram, convention, write_mel
from audiodiff.training.glottal_features import SourceFilterFeatures
from audiodiff.training.model_features import MelFeatures
from tests.conftest import CLIP
from tests.data.conftest import CLIPS
from tests.trees import source_filter_model

UTTERANCE = CLIPS[0]


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "cache", SourceFilterFeatures(model=source_filter_model()))


@pytest.fixture
def predicted(tmp_path, tiny_model):
    """An utterance with a "predicted" mel that is two frames shorter than the recording, and that mel."""
    mel = MelSpectrogram(tiny_model.mel)(load_audio(CLIP)[None])[0, :, :-3] + 0.5
    write_mel(tmp_path / "clip.safetensors", mel, tiny_model.mel)
    return replace(UTTERANCE, mel=tmp_path / "clip.safetensors"), mel


def test_manifest_round_trip(tmp_path):
    other = Utterance(
        id="a", path=CLIP, duration=1.0, sample_rate=16000, speaker="s", text="Ünïcode", mel=tmp_path / "a.npy"
    )
    write_manifest(tmp_path / "m.jsonl", [UTTERANCE, other])
    assert read_manifest(tmp_path / "m.jsonl") == [other, UTTERANCE]


def test_paths_are_relative_to_the_manifest(tmp_path):
    row = {"id": "a", "path": "wavs/a.wav", "duration": 1.0, "sample_rate": 22050, "mel": "mels/a.npy"}
    (tmp_path / "m.jsonl").write_text(json.dumps(row) + "\n")
    utterance = read_manifest(tmp_path / "m.jsonl")[0]
    assert (utterance.path, utterance.mel) == (tmp_path / "wavs" / "a.wav", tmp_path / "mels" / "a.npy")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "lists no recording"),
        ("{}\n", "line 1"),
        ("no json\n", "line 1"),
        ('{"id": "a", "path": "x", "duration": 1.0, "sample_rate": 1, "pth": 2}\n', "pth"),
    ],
)
def test_bad_manifests_are_refused(tmp_path, text, words):
    (tmp_path / "m.jsonl").write_text(text)
    with pytest.raises(InputError, match=words):
        read_manifest(tmp_path / "m.jsonl")
    with pytest.raises(InputError, match="cannot read"):
        read_manifest(tmp_path / "absent.jsonl")


def test_features_are_computed_once(store):
    path = store.compute(UTTERANCE)
    written = path.stat().st_mtime_ns
    assert store.compute(UTTERANCE) == path == store.path(UTTERANCE)
    assert path.stat().st_mtime_ns == written


def test_other_settings_are_other_files(store, tmp_path, tiny_model, predicted):
    def path(features) -> Path:
        return FeatureStore(tmp_path / "cache", features).path(UTTERANCE)

    paths = {store.path(UTTERANCE), store.path(predicted[0]), path(MelFeatures(model=tiny_model))}
    paths.add(FeatureStore(tmp_path / "cache", store.features, shortest=1000).path(UTTERANCE))
    assert FeatureStore(tmp_path / "cache", store.features, shortest=10).path(UTTERANCE) in paths
    tiny_model.mel = convention("diffwave_22k")
    paths.add(path(MelFeatures(model=tiny_model)))
    assert len(paths) == 5


def test_other_weights_are_other_files(store):
    with torch.no_grad():
        store.features.prior.filter.stack.output.bias.add_(1)
    assert FeatureStore(store.folder, store.features).path(UTTERANCE) != store.path(UTTERANCE)


def test_an_interrupted_write_leaves_nothing(tmp_path, tiny_model):
    class Interrupted(MelFeatures):
        def __call__(self, wave, mel=None):
            raise KeyboardInterrupt

    store = FeatureStore(tmp_path / "cache", Interrupted(model=tiny_model))
    with pytest.raises(KeyboardInterrupt):
        store.compute(UTTERANCE)
    assert not store.path(UTTERANCE).exists()


@pytest.fixture(scope="module")
def rates(tmp_path_factory):
    """The clip at several sample rates, as files."""
    folder = tmp_path_factory.mktemp("rates")
    wave = load_audio(CLIP)
    for rate in (22050, 16000, 24000, 44100, 48000, 11111):
        soundfile.write(folder / f"{rate}.wav", resample(wave, 22050, rate).numpy(), rate, subtype="FLOAT")
    return folder


@pytest.mark.parametrize("rate", [22050, 16000, 24000, 44100, 48000, 11111])
@settings(max_examples=15, deadline=None)
@given(start=st.integers(0, 40_000), length=st.integers(1, 20_000))
def test_an_excerpt_is_a_piece_of_the_whole(rates, rate, start, length):
    whole = load_audio(rates / f"{rate}.wav", 22050)
    excerpt = read_excerpt(rates / f"{rate}.wav", 22050, start, start + length)
    assert len(whole) == length_of(rates / f"{rate}.wav", 22050)
    assert_close(excerpt, whole[start : start + length], rtol=0, atol=0 if rate == 22050 else 1e-5)


@pytest.mark.parametrize("start", [0, 3, 50, 99])
def test_live_features_are_the_stored_ones(tmp_path, mel_features, start):
    """A segment's mel is that of the whole recording, also at its ends."""
    stored, live = FeatureStore(tmp_path, mel_features), LiveFeatures(mel_features)
    frames = stored.frames(UTTERANCE)
    assert live.frames(UTTERANCE) == frames
    start = start * (frames - 16) // 99
    expected, found = (source.crop(UTTERANCE, start, 16) for source in (stored, live))
    for name in ("wave", "mel"):
        assert_close(found[name], expected[name], rtol=0, atol=2e-5)


def test_short_recordings_continue_with_silence(tmp_path, mel_features):
    """Both sources agree, nothing is deleted, and the mel is what the front-end makes of the silence."""
    sources = FeatureStore(tmp_path, mel_features, shortest=300), LiveFeatures(mel_features, shortest=300)
    for source in sources:
        assert source.frames(UTTERANCE) == 300
        crop = source.crop(UTTERANCE, 0, 300)
        assert crop["wave"].shape == (300 * 256,)
        assert (crop["wave"][len(load_audio(CLIP)) :] == 0).all()
        assert_close(crop["mel"][:, 200:], torch.full((80, 100), -11.512925), rtol=0, atol=1e-4)


def test_predicted_mels_are_cut_like_their_recordings(tmp_path, mel_features, predicted):
    utterance, mel = predicted
    wave = load_audio(CLIP)
    for source in (FeatureStore(tmp_path, mel_features), LiveFeatures(mel_features)):
        assert source.frames(utterance) == mel.shape[1]
        crop = source.crop(utterance, 30, 16)
        assert_close(crop["mel"], mel[:, 30:46], rtol=0, atol=0)
        assert_close(crop["wave"], wave[30 * 256 : 46 * 256], rtol=0, atol=0)
    for source in (FeatureStore(tmp_path, mel_features, shortest=300), LiveFeatures(mel_features, shortest=300)):
        crop = source.crop(utterance, 0, 300)
        assert_close(crop["mel"][:, : mel.shape[1]], mel, rtol=0, atol=0)
        assert (crop["mel"][:, mel.shape[1] :] < -11.5).all()
        assert (crop["wave"][mel.shape[1] * 256 :] == 0).all()


def test_the_prior_starts_from_the_predicted_mel(predicted):
    features = SourceFilterFeatures(model=source_filter_model())
    own, given = (LiveFeatures(features).crop(utterance, 0, 32)["mean"] for utterance in (UTTERANCE, predicted[0]))
    assert given.square().mean() > 1.2 * own.square().mean()


def test_predicted_mels_that_do_not_belong_are_refused(tmp_path, mel_features, predicted):
    utterance, mel = predicted
    write_mel(tmp_path / "free.npy", mel[:, :-10])
    write_mel(tmp_path / "other.safetensors", mel, convention("tacotron2_22k"))
    for source in (FeatureStore(tmp_path, mel_features), LiveFeatures(mel_features)):
        with pytest.raises(MelError, match="ground-truth aligned"):
            source.frames(replace(utterance, mel=tmp_path / "free.npy"))
        with pytest.raises(MelMismatchError):
            source.frames(replace(utterance, mel=tmp_path / "other.safetensors"))


def test_a_file_that_ends_early_is_an_error_when_it_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", torch.zeros(4000).numpy(), 22050, subtype="FLOAT")
    with pytest.raises(AudioError, match="ends before"):
        read_excerpt(tmp_path / "a.wav", 22050, 5000, 6000)
    soundfile.write(tmp_path / "a.wav", torch.full((4000,), torch.nan).numpy(), 22050, subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN"):
        read_excerpt(tmp_path / "a.wav", 22050, 0, 600)


def test_several_processes_compute_the_same_files_also_side_by_side(tmp_path, tiny_model, capsys):
    """Two jobs of two processes each meet in one cache; a recording that cannot be read stops neither."""
    features = MelFeatures(model=tiny_model)
    many = [replace(UTTERANCE, id=f"clip{number}") for number in range(20)]
    odd = replace(UTTERANCE, id="odd", path=tmp_path / "odd.wav")
    odd.path.write_bytes(b"no audio")
    store, alone = (FeatureStore(tmp_path / name, features) for name in ("shared", "alone"))
    jobs = [
        Thread(target=compute_all, args=(store, [*many, odd]), kwargs={"processes": 2, "name": "train"})
        for _ in range(2)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    compute_all(alone, many, processes=1, name="train")
    found = {path.name: path.read_bytes() for path in (tmp_path / "shared").iterdir()}
    assert found == {path.name: path.read_bytes() for path in (tmp_path / "alone").iterdir()}
    assert len(found) == len(many)
    assert "20 recordings, 2 processes" in capsys.readouterr().out
