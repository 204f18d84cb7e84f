"""`audiodiff convert` and `audiodiff inspect` as people type them."""

import sys
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from audiodiff import Vocoder
from audiodiff.cli.facts import facts_of
from audiodiff.cli.main import main
from audiodiff.convert import convert
from tests.convert import foreign


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def audiodiff(monkeypatch, capsys):
    """Run the command in this process."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["audiodiff", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as stopped:
            main()
        return Result(stopped.value.code or 0, *capsys.readouterr())

    return run


@pytest.mark.parametrize("source", foreign.WRITERS)
def test_a_checkpoint_becomes_a_voice(source, audiodiff, tmp_path):
    path = foreign.WRITERS[source](tmp_path)
    result = audiodiff("convert", path, "-o", tmp_path / "voice", "--name", "mine")
    assert result.returncode == 0, result.stderr
    assert "22050 Hz" in result.stdout
    assert "audiodiff vocode" in result.stdout
    np.save(tmp_path / "mel.npy", np.zeros((80, 4), np.float32))
    spoken = audiodiff(
        "vocode", tmp_path / "mel.npy", "--as", "model", "--model", tmp_path / "voice", "-o", tmp_path / "out.wav"
    )
    assert spoken.returncode == 0, spoken.stderr
    assert soundfile.info(tmp_path / "out.wav").frames == 4 * 256


def test_the_source_can_be_named_and_must_be_known(audiodiff, tmp_path):
    path = foreign.lmnt(tmp_path)
    assert audiodiff("convert", path, "--from", "lmnt", "-o", tmp_path / "voice").returncode == 0
    result = audiodiff("convert", path, "--from", "wavenet", "-o", tmp_path / "other")
    assert result.returncode == 2
    assert "bddm, lmnt, philsyn, priorgrad, speechbrain" in result.stderr
    assert "does not state" in audiodiff("convert", path, "--from", "priorgrad", "-o", tmp_path / "other").stderr
    assert not (tmp_path / "other").exists()


def test_nothing_is_replaced_unasked(audiodiff, tmp_path):
    path, voice = foreign.lmnt(tmp_path), tmp_path / "voice"
    assert audiodiff("convert", path, "-o", voice).returncode == 0
    assert "--overwrite" in audiodiff("convert", path, "-o", voice).stderr
    assert audiodiff("convert", path, "-o", voice, "--overwrite").returncode == 0
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    result = audiodiff("convert", path, "-o", precious, "--overwrite")
    assert result.returncode == 2
    assert "no bundle" in result.stderr
    assert (precious / "file").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 torn"])
def test_bad_files_are_one_sentence(content, audiodiff, tmp_path):
    (tmp_path / "weights.pt").write_bytes(content)
    result = audiodiff("convert", tmp_path, "-o", tmp_path / "voice")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("source", foreign.WRITERS)
def test_inspect_says_the_latency_that_a_vocoder_has(source, tmp_path):
    """By the stream that it really takes, tile by tile or not."""
    folder = convert(foreign.WRITERS[source](tmp_path)).save(tmp_path / "voice")
    vocoder = Vocoder.from_pretrained(folder)
    said = f"{vocoder.latency()} samples ({vocoder.latency() / 22050:.2f} s) at most, {vocoder.n_steps} steps"
    assert facts_of(str(folder))["latency of a stream"] == said


def test_inspect_says_what_a_bundle_is(audiodiff, tmp_path):
    path = foreign.priorgrad(tmp_path)
    audiodiff("convert", path, "-o", tmp_path / "voice")
    facts = audiodiff("inspect", tmp_path / "voice").stdout
    expected = [
        "priorgrad, a bundle of format 1",
        "80 slaney bands of 0 to 8000 Hz, ln, 22050 Hz, n_fft 1024, window 1024, hop 256",
        "hifigan_22k",
        "DiffWave, ",
        "MelEnergy, 0 parameters",
        "EpsPrediction on DiscreteBetas(betas=3 values)",
        "ancestral(clamp=1.0), 2 steps",
        "277 samples (13 ms)",
        "unknown",
        "microsoft/NeuralSpeech",
        "training steps 7",
        "sha256 ",
    ]
    assert [text for text in expected if text not in facts] == []


def test_inspect_says_what_a_checkpoint_would_become(audiodiff, tmp_path):
    facts = audiodiff("inspect", foreign.bddm(tmp_path)).stdout
    assert "tencent-ailab/bddm; audiodiff convert makes a bundle of it" in facts
    assert "from_betas" not in facts
    assert "6 steps" in facts


def test_inspect_of_nothing(audiodiff, tmp_path):
    result = audiodiff("inspect", tmp_path / "nothing")
    assert result.returncode == 2
    assert "no model" in result.stderr


def test_cards_without_a_header_are_no_obstacle(audiodiff, tmp_path):
    audiodiff("convert", foreign.lmnt(tmp_path), "-o", tmp_path / "voice")
    for card in ("# no header", "---\nlicense: [\n---\n", "---\n- list\n---\n"):
        (tmp_path / "voice" / "README.md").write_text(card)
        assert "not stated in README.md" in audiodiff("inspect", tmp_path / "voice").stdout
