"""The data doctor finds every fault that is planted, and none in good recordings."""

import json
from collections import Counter

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from audiodiff.audio import load_audio
from audiodiff.audio.io import resample
from audiodiff.cli.main import app
from audiodiff.data import Utterance, read_manifest, write_manifest
from audiodiff.data.doctor import KINDS, CorpusLimits, cleaned, examine, utterances_of
from audiodiff.data.measurement import measure
from audiodiff.errors import InputError
from tests.conftest import CLIP, ROOT

RATE = 22050


def upsampled(wave, to=RATE, base=16000):
    return resample(resample(torch.from_numpy(wave), RATE, base), base, to).numpy()


def with_nan(wave):
    wave = wave.copy()
    wave[100:105] = np.nan
    return wave


FAULTS = {
    "non_finite": lambda wave: (with_nan(wave), RATE, "FLOAT"),
    "silent": lambda wave: (np.concatenate([wave[:1500], 1e-5 * wave, 1e-5 * wave]), RATE, "PCM_16"),
    "clipped": lambda wave: (np.clip(3 * wave / np.abs(wave).max(), -1, 32767 / 32768), RATE, "PCM_16"),
    "too_loud": lambda wave: (4 * (wave - wave.mean()) / np.abs(wave).max(), RATE, "FLOAT"),
    "dc": lambda wave: (wave + 0.02, RATE, "PCM_16"),
    "band_limited": lambda wave: (upsampled(wave), RATE, "PCM_16"),
    "too_short": lambda wave: (wave[5000:7000], RATE, "PCM_16"),
    "too_long": lambda wave: (np.tile(wave, 40)[: 61 * RATE], RATE, "PCM_16"),
    "other_rate": lambda wave: (upsampled(wave, 16000), 16000, "PCM_16"),
}


@pytest.fixture(scope="module")
def wave():
    return load_audio(CLIP).numpy()


@pytest.fixture
def corpus(tmp_path):
    """Three good recordings: both clips, and one that is a part of them."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for path in (ROOT / "tests" / "clips").glob("*.flac"):
        (folder / path.name).write_bytes(path.read_bytes())
    soundfile.write(folder / "part.wav", load_audio(CLIP)[:30_000].numpy(), RATE)
    return folder


def plant(folder, kind, wave):
    """Add a recording with a fault of that kind."""
    if kind == "unreadable":
        (folder / "bad.wav").write_bytes(b"RIFF")
    elif kind == "duplicate":
        soundfile.write(folder / "zz.wav", load_audio(folder / "LJ001-0002.flac").numpy(), RATE)
    else:
        samples, rate, encoding = FAULTS[kind](wave)
        soundfile.write(folder / "bad.wav", samples, rate, subtype=encoding)


def kinds_of(folder, **limits):
    findings = examine(utterances_of(folder), CorpusLimits(**limits), jobs=2)
    return {finding.utterance.id: set(finding.problems) for finding in findings if finding.problems}


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_is_found_and_nothing_else(corpus, wave, kind):
    plant(corpus, kind, wave)
    assert kinds_of(corpus) == {"zz" if kind == "duplicate" else "bad": {kind}}


def test_clipping_is_found_after_the_level_was_lowered(corpus, wave):
    samples = 0.5 * np.clip(wave, -0.1, 0.1)
    soundfile.write(corpus / "bad.wav", samples, RATE)
    assert kinds_of(corpus) == {"bad": {"clipped"}}


@pytest.mark.parametrize(("base", "to"), [(8000, 16000), (8000, 22050), (16000, 22050), (16000, 24000), (22050, 48000)])
def test_the_effective_bandwidth_is_measured(tmp_path, wave, base, to):
    soundfile.write(tmp_path / "a.wav", upsampled(wave, to, base), to)
    assert measure(tmp_path / "a.wav").bandwidth == pytest.approx(base / 2, rel=0.08)
    soundfile.write(tmp_path / "a.wav", upsampled(wave, to=16000, base=16000), 16000)
    assert measure(tmp_path / "a.wav").bandwidth == 8000


@pytest.mark.parametrize("part", ["ljspeech/wavs", "librispeech_16k", "vctk_libritts", "fsdd"])
def test_real_recordings_are_good(shared, part):
    files = sorted((shared / "data" / part).glob("*.flac"))[::10]
    if not files:
        pytest.skip(f"no {part} here")
    utterances = [Utterance(id=path.stem, path=path, duration=0.0, sample_rate=0) for path in files]
    bad = {f.utterance.id: f.problems for f in examine(utterances, CorpusLimits(), jobs=2) if not f.good}
    assert not bad


def test_the_command_reports_and_writes_a_cleaned_manifest(corpus, wave, tmp_path):
    plant(corpus, "dc", wave)
    plant(corpus, "duplicate", wave)
    before = {path: path.read_bytes() for path in corpus.iterdir()}
    rows = [
        Utterance(id=u.id, path=u.path, duration=9.0, sample_rate=1, speaker="s", text="t")
        for u in utterances_of(corpus)
    ]
    write_manifest(tmp_path / "all.jsonl", rows)
    arguments = ["data", "check", str(tmp_path / "all.jsonl"), "-o", str(tmp_path / "report")]
    result = CliRunner().invoke(app, [*arguments, "--fix", str(tmp_path / "clean.jsonl")])
    assert result.exit_code == 1, result.output
    assert "3 of 5 are good" in result.output
    assert {path: path.read_bytes() for path in corpus.iterdir()} == before
    kept = read_manifest(tmp_path / "clean.jsonl")
    assert [(u.id, u.speaker, u.sample_rate) for u in kept] == [
        (name, "s", RATE) for name in ("LJ001-0002", "LJ001-0008", "part")
    ]
    assert kept[2].duration == pytest.approx(30_000 / RATE, abs=1e-4)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert Counter({kind: len(ids) for kind, ids in report["problems"].items() if ids}) == {"dc": 1, "duplicate": 1}
    assert len(report["files"]) == 5
    assert (tmp_path / "report" / "report.png").read_bytes().startswith(b"\x89PNG")


def test_the_exit_code_says_how_bad_it_is(corpus, tmp_path):
    assert CliRunner().invoke(app, ["data", "check", str(corpus)]).exit_code == 0
    result = CliRunner().invoke(app, ["data", "check", str(corpus), "--shortest", "1000"])
    assert result.exit_code == 2
    with pytest.raises(InputError, match="none of the 3 recordings is good"):
        cleaned(examine(utterances_of(corpus), CorpusLimits(shortest=1000)))
    with pytest.raises(InputError, match="there is no"):
        utterances_of(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no audio"):
        utterances_of(tmp_path / "empty")
