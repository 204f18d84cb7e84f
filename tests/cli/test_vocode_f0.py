"""`audiodiff vocode --f0` and `--transpose`."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from audiodiff import Vocoder
from audiodiff.bulk import long_mels
from audiodiff.bundle.card import model_card
from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import load_bundle, save_bundle
from audiodiff.cli.facts import facts_of
from audiodiff.cli.main import main
from tests.tiny_voices import HIFIGAN, mel_of
from tests.trees import SOURCE_FILTER_TREE, TINY_TREE, source_filter_model

FRAMES = 60


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "pitched"
    return save_bundle(folder, "pitched", SOURCE_FILTER_TREE, source_filter_model(), card="")


@pytest.fixture
def vocode(bundle, monkeypatch, capsys):
    """Run the command with that bundle, unless another is named; return its exit code and what it said."""

    def run(*arguments: object) -> tuple[int, str]:
        model = () if "--model" in arguments else ("--model", bundle)
        words = map(str, (*arguments, *model, "--as", "hifigan_22k"))
        monkeypatch.setattr(sys, "argv", ["audiodiff", "vocode", *words])
        monkeypatch.setenv("COLUMNS", "300")
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out + captured.err

    return run


@pytest.fixture
def mel(tmp_path):
    np.save(tmp_path / "a.npy", mel_of(FRAMES).numpy())
    return tmp_path / "a.npy"


@pytest.fixture(params=["short", "long"])
def length(request, monkeypatch):
    """Mels of one piece, and such that are read, vocoded and written piece by piece."""
    if request.param == "long":
        monkeypatch.setattr(long_mels, "LONG", 40)
        monkeypatch.setattr(long_mels, "PIECE", 25)


def heard(path):
    return soundfile.read(path, dtype="float32")[0]


def expected(bundle, f0):
    """The vocoder's own waveform at that f0, or a number of semitones, as 16 bits hold it."""
    vocoder = Vocoder.from_pretrained(bundle)
    if not isinstance(f0, torch.Tensor):
        f0 = vocoder.pitch(mel_of(FRAMES), spec=HIFIGAN) * 2 ** (f0 / 12)
    return vocoder(mel_of(FRAMES), f0=f0, spec=HIFIGAN).numpy().clip(-1, 1)


@pytest.mark.parametrize("suffix", ["npy", "txt"])
@pytest.mark.usefixtures("length")
def test_f0_comes_from_a_file(vocode, bundle, mel, tmp_path, suffix):
    f0 = torch.where(torch.arange(FRAMES) % 20 < 15, 150 + 2.5 * torch.arange(FRAMES), 0.0)
    path = tmp_path / f"f0.{suffix}"
    np.save(path, f0.numpy()) if suffix == "npy" else np.savetxt(path, f0.numpy())
    assert vocode(mel, "-o", tmp_path / "out.wav", "--f0", path)[0] == 0
    np.testing.assert_allclose(heard(tmp_path / "out.wav"), expected(bundle, f0), rtol=0, atol=1e-4)


@pytest.mark.usefixtures("length")
@pytest.mark.parametrize("semitones", [-12, 2.5])
def test_the_mel_s_own_f0_is_transposed(vocode, bundle, mel, tmp_path, semitones):
    assert vocode(mel, "-o", tmp_path / "out.wav", "--transpose", semitones)[0] == 0
    np.testing.assert_allclose(heard(tmp_path / "out.wav"), expected(bundle, semitones), rtol=0, atol=1e-4)


def test_another_f0_is_another_result(vocode, mel, tmp_path):
    """What is done is left alone only where the f0 is the same, whatever its file is called."""
    out = tmp_path / "out.wav"
    for name, hertz in (("a", 150.0), ("b", 150.0), ("c", 151.0)):
        np.save(tmp_path / f"{name}_f0.npy", np.full(FRAMES, hertz))
    vocode(mel, "-o", out, "--f0", tmp_path / "a_f0.npy")
    assert "done already" in vocode(mel, "-o", out, "--f0", tmp_path / "b_f0.npy")[1]
    for other in (("--f0", tmp_path / "c_f0.npy"), ("--transpose", 1), ()):
        code, said = vocode(mel, "-o", out, *other)
        assert code == 2
        assert "other settings" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (np.full(FRAMES - 1, 150.0), "(59,) for a mel of 60 frames"),
        (np.full(FRAMES, np.nan), "got an f0 from nan"),
        (np.full(FRAMES, -3.0), "got an f0 from -3"),
        (np.full(FRAMES, 5600.0), "up to 5512.5 Hz"),
        (np.full((1, FRAMES), 150.0), "expected one number for each frame"),
        (np.array(["high"] * FRAMES), "expected one number for each frame"),
    ],
)
@pytest.mark.usefixtures("length")
def test_what_cannot_be_an_f0_is_refused_in_a_sentence(vocode, mel, tmp_path, content, words):
    np.save(tmp_path / "f0.npy", content)
    code, said = vocode(mel, "-o", tmp_path / "out.wav", "--f0", tmp_path / "f0.npy")
    assert code == 2
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("f0.csv", "150", "expected an .npy or a .txt file"),
        ("f0.txt", "high", "cannot read an f0"),
        ("f0.txt", "0.00 150\n0.01 150\n", "cannot read an f0"),
        ("no.npy", None, "cannot read an f0"),
    ],
)
def test_a_file_that_holds_no_f0_is_refused(vocode, mel, tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_text(content)
    code, said = vocode(mel, "-o", tmp_path / "out.wav", "--f0", tmp_path / name)
    assert code == 2
    assert words in said
    assert "Traceback" not in said


def test_one_f0_is_for_one_mel(vocode, mel, tmp_path):
    np.save(tmp_path / "b.npy", mel_of(FRAMES).numpy())
    np.save(tmp_path / "f0.npy", np.full(FRAMES, 150.0))
    code, said = vocode(mel, tmp_path / "b.npy", "-o", tmp_path / "out", "--f0", tmp_path / "f0.npy")
    assert code == 2
    assert "--f0 is for one mel, got 2" in said


@pytest.mark.parametrize("option", [("--transpose", 2), ("--f0", "f0.npy")])
def test_a_voice_without_a_source_says_so(vocode, mel, tmp_path, option):
    np.save(tmp_path / "f0.npy", np.full(FRAMES, 150.0))
    model = build(canonical(TINY_TREE)["model"])
    other = save_bundle(tmp_path / "tiny", "tiny", TINY_TREE, model, card="")
    name, value = option
    value = tmp_path / value if name == "--f0" else value
    code, said = vocode(mel, "-o", tmp_path / "out.wav", name, value, "--model", other)
    assert code == 2
    assert "its prior is a MelInversion" in said


def test_inspect_says_what_a_source_filter_voice_is(bundle):
    vocoder, facts = Vocoder.from_pretrained(bundle), facts_of(str(bundle))
    assert facts["pitch"] == "from the mel, 50 to 1089 Hz, or given (f0= and vocode --f0, --transpose)"
    n_parameters = sum(p.numel() for p in vocoder.model.prior.parameters())
    assert facts["prior"] == f"SourceFilter, {n_parameters:,} parameters"
    assert facts["receptive field"].startswith(f"{vocoder.receptive_field} samples (")
    assert facts["latency of a stream"].startswith(f"{vocoder.latency()} samples (")
    card = model_card(replace(load_bundle(bundle), card=""))
    assert f"| prior | `SourceFilter`, {n_parameters:,} parameters |" in card


def test_suffixes_may_be_in_capitals(vocode, mel, length, tmp_path):
    np.save(tmp_path / "f0.npy", np.full(FRAMES, 150.0))
    f0 = (tmp_path / "f0.npy").rename(tmp_path / "F0.NPY")
    code, said = vocode(mel.rename(tmp_path / "A.NPY"), "-o", tmp_path / "out.wav", "--f0", f0)
    assert code == 0, said
    (tmp_path / "F0.TXT").write_text("150\n" * FRAMES)
    code, said = vocode(tmp_path / "A.NPY", "-o", tmp_path / "other.wav", "--f0", tmp_path / "F0.TXT")
    assert code == 0, said
    assert np.array_equal(soundfile.read(tmp_path / "out.wav")[0], soundfile.read(tmp_path / "other.wav")[0])
