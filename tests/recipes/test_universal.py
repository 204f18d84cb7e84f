"""The universal recipe: what it merges, what it leaves out, how its copies vary."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiodiff.audio import resample
from audiodiff.data import Utterance, read_manifest, write_manifest
from audiodiff.evaluation.pitch import f0_track
from audiodiff.experiment.config import build, compose_config
from audiodiff.experiment.dry_run import build_features
from audiodiff.mel import MelSpectrogram, convention
from tests.conftest import ROOT
from tests.recipes.test_recipes import load

universal = load("universal")
HELD_OUT = sorted(universal.TEST_IDS)[0]


@pytest.fixture
def manifest(tmp_path):
    rows = []
    for k, name in enumerate(["a", "b", "c", HELD_OUT]):
        rate = 8000 if name == "b" else 16000
        times = np.arange(rate) / rate
        soundfile.write(tmp_path / f"{name}.flac", 0.3 * np.sin(2 * np.pi * (200 + 100 * k) * times), rate)
        path = tmp_path / f"{name}.flac"
        rows.append(Utterance(id=name, path=path, duration=1.0, sample_rate=rate, speaker=name))
    write_manifest(tmp_path / "train.jsonl", rows)
    return tmp_path / "train.jsonl"


def test_test_recordings_are_left_out_everywhere(manifest, tmp_path):
    rows = universal.merged([manifest, manifest])
    assert [row.id for row in rows] == ["a", "b", "c"]
    copies = list(universal.copies(rows, 1, tmp_path / "copies"))
    assert not any(HELD_OUT in copy.id for copy in copies)


def test_what_a_corpus_develops_on_is_not_trained_on(manifest, tmp_path):
    dev = tmp_path / "corpus" / "dev.jsonl"
    write_manifest(dev, [row for row in read_manifest(manifest) if row.id == "b"])
    rows = universal.merged([manifest, dev])
    assert sorted(row.id for row in rows) == ["a", "b", "c"]
    drawn = {row.id for row in universal.held_out(rows, [manifest])}
    assert {row.id for row in universal.held_out(rows, [manifest, dev])} == drawn | {"b"}
    assert "b" not in drawn


def row(row_id, speaker=None, duration=1.0):
    return Utterance(id=row_id, path=Path("x.flac"), duration=duration, sample_rate=16000, speaker=speaker)


@pytest.mark.parametrize(
    ("row_id", "speaker", "fine"),
    [
        ("vctk-p227_001", None, True),
        ("vctk-p225_017", None, False),  # p225 says two of the test recordings
        ("p225_017", "p225", False),
        ("174_84280_000003_000001", "174", False),
        ("train-174-84280-0003", None, False),  # LibriSpeech and LibriTTS have the same readers
        ("train-103-1240-0000", None, True),
        ("vctk-nuwave2_8k_sample_0", None, False),  # who speaks is not said
        ("libritts-bigvgan_ltclean1", None, False),
        ("singing_solo-vocadito_1_b", None, False),
        ("lang_nl_BE-nathalie", None, True),
        ("LJ001-0002", "linda_johnson", False),  # a test recording of the ljspeech recipe
        ("LJ001-0200", "linda_johnson", True),
    ],
)
def test_speakers_of_the_evaluation_are_never_trained_on(row_id, speaker, fine):
    assert universal.may_train(row(row_id, speaker)) == fine


def test_only_the_rare_are_copied_and_the_frequent_can_be_cut_short():
    rows = [row(f"often-{k}", "often", 100.0) for k in range(8)] + [row("seldom-1", "seldom", 100.0)]
    assert [found.id for found in universal.rare(rows)] == ["seldom-1"]
    cut = universal.shortened(rows, 250.0)
    assert sorted(found.speaker for found in cut) == ["often", "often", "seldom"]
    assert {found.id for found in cut} == {found.id for found in universal.shortened(rows[::-1], 250.0)}


def test_copies_depend_on_names_alone(manifest, tmp_path):
    rows = universal.merged([manifest])
    once = list(universal.copies(rows, 2, tmp_path / "one"))
    again = list(universal.copies(rows[::-1], 2, tmp_path / "two"))
    by_id = {copy.id: copy for copy in again}
    mixed = 0
    for copy in once:
        wave, rate = soundfile.read(copy.path)
        other, _ = soundfile.read(by_id[copy.id].path)
        mixed += not np.array_equal(wave, other)  # what lies under a copy is drawn from the list of recordings
        assert rate == copy.sample_rate
        assert 0.8 <= 1 / copy.duration <= 1.26
        assert 0.09 < np.abs(wave).max() <= 1
    assert mixed <= 2
    assert len({copy.speaker for copy in once}) == len(once) == 6


def test_the_command_writes_manifests(manifest, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["prepare.py", str(manifest), "--out", str(out), "--copies", "1"])
    monkeypatch.setattr(universal, "VALID_SHARE", 0.5)
    universal.main()
    train, valid = read_manifest(out / "train.jsonl"), read_manifest(out / "valid.jsonl")
    heard = {row.id.partition("+")[0] for row in train}
    assert heard | {row.id for row in valid} == {"a", "b", "c"}
    assert heard.isdisjoint(row.id for row in valid)
    assert len(train) == 2 * len(heard)


CONVENTIONS = ["vocos_24k", "f5_24k", "bigvgan_24k", "speecht5_16k", "words_8k", "cosyvoice2_24k", "espnet_24k"]
CONVENTIONS += ["wavegrad_24k", "wavefm_24k", "diffwave_22k", "coqui_22k", "flow2gan_44k", "nemo_44k"]


@pytest.mark.parametrize("mel", CONVENTIONS)
def test_any_convention_is_a_config(mel, clip):
    """Other rates, hops, windows, framings, floors and logarithms learn and speak without a line of code."""
    small = ["prior.magnitudes.channels=8", "prior.magnitudes.layers=1", "prior.iterations=24"]
    config = compose_config("train", ["experiment=fsdd_digits_magnitudes", f"mel={mel}", *small])
    model = build(config.model)
    spec = model.mel
    wave = resample(clip[:16384], 22050, spec.sample_rate)
    objective = build(config.objective, model=model)
    features = build_features(config, model, objective)(wave)
    losses = objective(**{name: part[None] for name, part in features.items()})
    losses["loss"].backward()
    assert losses["loss"].isfinite()
    assert model.prior.magnitudes.stack.output.weight.grad.abs().sum() > 0
    mean = model.prior.condition(features["mel"][None]).need_mean()[0]
    assert mean.shape == features["wave"].shape
    inner = slice(spec.n_fft, -spec.n_fft)
    level = mean[inner].square().mean() / features["wave"][inner].square().mean()
    assert abs(10 * level.log10()) < 1.5


def test_made_sounds_are_what_they_are_called(clip):
    """A whisper keeps the envelope and has no pitch, a smaller speaker is higher and shorter, clicks are alone."""
    made = runpy.run_path(str(ROOT / "recipes/universal/made_sounds.py"))
    wave = clip[:44100]
    whisper, faster = (made[name](wave, 22050) for name in ("whispered", "played_faster"))
    clicks, pink = made["clicks"](22050, 2), made["pink"](22050, 2)
    hifigan = MelSpectrogram(convention("hifigan_22k"))
    loud = (was := hifigan(wave[None])[0, :, 4:-8]) > -6
    assert abs((hifigan(whisper[None])[0, :, 4:-8] - was)[loud].mean()) < 0.5
    voiced = [np.mean(f0_track(x.double().numpy(), 22050) > 0) for x in (wave, whisper)]
    assert voiced[0] > 0.4
    assert voiced[1] < 0.1
    assert len(faster) == pytest.approx(len(wave) / 1.3, abs=1)
    heights = [np.median(f0[f0 > 0]) for f0 in (f0_track(x.double().numpy(), 22050) for x in (wave, faster))]
    assert heights[1] / heights[0] == pytest.approx(1.3, rel=0.05)
    assert 6 <= (clicks != 0).sum() <= 10
    assert pink.square().mean().sqrt() == pytest.approx(0.05, rel=1e-3)


def test_a_table_of_sources_becomes_a_manifest(tmp_path, monkeypatch, capsys):
    (tmp_path / "corpus/one").mkdir(parents=True)
    soundfile.write(tmp_path / "corpus/one/a.flac", np.zeros(2400), 24000)
    soundfile.write(tmp_path / "corpus/b.flac", np.zeros(8000), 16000)
    table = "file\tspeaker\tlanguage\none/a.flac\tann\ten\nb.flac\tbob\tfi\n"
    (tmp_path / "corpus/SOURCES.tsv").write_text(table)
    arguments = ["sources.py", str(tmp_path / "corpus"), "--out", str(tmp_path / "speech.jsonl")]
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(ROOT / "recipes/universal/sources.py"), run_name="__main__")
    assert "2 recordings, 2 speakers" in capsys.readouterr().out
    rows = {row.id: row for row in read_manifest(tmp_path / "speech.jsonl")}
    assert {name: (row.speaker, row.sample_rate, row.duration) for name, row in rows.items()} == {
        "one-a": ("ann", 24000, 0.1),
        "b": ("bob", 16000, 0.5),
    }
