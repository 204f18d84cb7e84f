"""`audiodiff vocode` for mels that are read, vocoded and written piece by piece."""

import sys

import numpy as np
import pytest
import soundfile
import torch

from audiodiff.bulk import long_mels
from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import save_bundle
from audiodiff.cli.main import main
from tests.tiny_voices import mel_of
from tests.trees import TINY_TREE

FRAMES = 90


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    return save_bundle(folder, "tiny", TINY_TREE, build(canonical(TINY_TREE)["model"]), card="")


@pytest.fixture
def vocode(bundle, monkeypatch, capsys):
    """Run the command with the tiny bundle; return its exit code and what it said."""

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["audiodiff", "vocode", *map(str, arguments), "--model", str(bundle)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out + captured.err

    return run


@pytest.fixture
def pieces(monkeypatch):
    """Let mels be long from 40 frames on, and be read 25 at a time."""
    monkeypatch.setattr(long_mels, "LONG", 40)
    monkeypatch.setattr(long_mels, "PIECE", 25)


def samples(path):
    return soundfile.read(path, dtype="int16")[0].astype(int)


@pytest.mark.parametrize("form", ["plain", "batch of one", "half", "transposed", "columns", "npz"])
def test_in_pieces_is_in_one_piece(vocode, monkeypatch, tmp_path, form):
    mel, name, flags = mel_of(FRAMES).numpy(), "a.npy", []
    if form == "npz":
        name = "a.npz"
        np.savez(tmp_path / name, mel=mel)
    else:
        forms = {"batch of one": mel[None], "half": mel.astype(np.float16), "transposed": mel.T.copy()}
        forms["columns"] = np.asfortranarray(mel)
        np.save(tmp_path / name, forms.get(form, mel))
        flags = ["--transposed"] if form == "transposed" else []
    assert vocode(tmp_path / name, "-o", tmp_path / "whole.wav", "--as", "model", *flags)[0] == 0
    monkeypatch.setattr(long_mels, "LONG", 40)
    monkeypatch.setattr(long_mels, "PIECE", 25)
    if form != "npz":
        monkeypatch.setattr("audiodiff.bulk.vocoding.read_mel", None)  # nobody reads it as a whole
    assert vocode(tmp_path / name, "-o", tmp_path / "pieces.wav", "--as", "model", *flags)[0] == 0
    whole, in_pieces = samples(tmp_path / "whole.wav"), samples(tmp_path / "pieces.wav")
    assert len(whole) == len(in_pieces) == 256 * FRAMES
    assert np.abs(whole - in_pieces).max() <= 1


@pytest.mark.usefixtures("pieces")
def test_what_is_wrong_late_in_the_mel_leaves_no_file(vocode, tmp_path):
    mel = mel_of(FRAMES).numpy()
    mel[3, 80] = np.nan
    np.save(tmp_path / "a.npy", mel)
    code, said = vocode(tmp_path / "a.npy", "-o", tmp_path / "out", "--as", "model")
    assert code == 2
    assert "NaN" in said
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize(
    ("array", "flags", "words"),
    [
        (np.zeros((60, 80), np.float32), ["--as", "model"], "transposed"),
        (np.zeros((100, 60), np.float32), ["--as", "model"], "100"),
        (np.zeros((80, 60), np.int32), ["--as", "model"], "int32"),
        (np.zeros((80, 60), np.float32), [], "--as model"),
        (np.zeros((80, 60), np.float32), ["--as", "diffwave_22k"], "diffwave_22k"),
    ],
)
def test_long_mels_are_refused_like_short_ones(vocode, tmp_path, array, flags, words):
    np.save(tmp_path / "a.npy", array)
    code, said = vocode(tmp_path / "a.npy", "-o", tmp_path / "out", *flags)
    assert code == 2
    assert words in said


@pytest.mark.usefixtures("pieces")
def test_a_place_that_cannot_be_written_is_refused(vocode, tmp_path):
    np.save(tmp_path / "a.npy", mel_of(FRAMES).numpy())
    (tmp_path / "file").touch()
    code, said = vocode(tmp_path / "a.npy", "-o", tmp_path / "file" / "a.wav", "--as", "model")
    assert code == 2
    assert "file" in said
    assert "Traceback" not in said
