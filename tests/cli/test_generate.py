"""`audiodiff generate` and `audiodiff edit` as people type them."""

import pytest
import soundfile
import torch
from typer.testing import CliRunner

from audiodiff.audio import save_audio
from audiodiff.cli.main import app
from audiodiff.errors import AudiodiffError
from tests.generators import tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return str(tiny_bundle(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def recording(tmp_path):
    """0.15 s of a chord at another rate than the model's."""
    t = torch.arange(2400) / 16000
    path = tmp_path / "word.wav"
    save_audio(path, 0.1 * (torch.sin(1500 * t) + torch.sin(4000 * t)), 16000)
    return str(path)


def run(*words):
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_generate_writes_clips_and_a_sheet(bundle, tmp_path):
    out = tmp_path / "out"
    asked = ["--label", "two", "--speaker", "0", "--n", "3", "--guidance", "2", "--seed", "4"]
    result = run("generate", "--model", bundle, *asked, "-o", str(out))
    assert result.exit_code == 0
    assert "3 clips of 0.20 s" in result.output
    names = sorted(path.name for path in out.iterdir())
    assert names == ["0004-two-ann.wav", "0005-two-ann.wav", "0006-two-ann.wav", "sheet.png"]
    assert soundfile.info(out / names[0]).samplerate == 8000


def test_labels_may_be_given_for_each_clip(bundle, tmp_path):
    run("generate", "--model", bundle, "--label", "0", "--label", "2", "--speaker", "bob", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out" / "0000-zero-bob.wav").is_file()
    assert (tmp_path / "out" / "0001-two-bob.wav").is_file()


def test_unconditional_clips_have_no_label_in_their_names(bundle, tmp_path):
    run("generate", "--model", bundle, "--unconditional", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out" / "0000.wav").is_file()


def test_results_are_not_replaced_unasked(bundle, tmp_path):
    asked = ["generate", "--model", bundle, "--label", "0", "--speaker", "0", "-o", str(tmp_path)]
    run(*asked)
    with pytest.raises(AudiodiffError, match="--overwrite"):
        run(*asked)
    assert run(*asked, "--overwrite").exit_code == 0


BAD = {
    "label out of range": (["--label", "7"], "no label '7'"),
    "label and unconditional": (["--label", "1", "--unconditional"], "unconditional clips"),
    "two lengths": (["--label", "1", "--label", "2", "--n", "5"], "one number"),
    "a vocoder": (["--model", "ljspeech-fast"], "audiodiff vocode"),
    "no such model": (["--model", "nowhere"], "no model 'nowhere'"),
    "no such classifier": (["--classifier", "nowhere"], "is not a classifier"),
}


@pytest.mark.parametrize(("asked", "words"), BAD.values(), ids=BAD)
def test_bad_request_is_one_sentence(bundle, tmp_path, asked, words):
    model = [] if "--model" in asked else ["--model", bundle]
    with pytest.raises(AudiodiffError, match=words):
        run("generate", *model, *asked, "-o", str(tmp_path / "out"))


EDITS = {
    "denoise": ["--start", "0.4"],
    "inpaint": ["--begin", "0.05", "--end", "0.1"],
    "extend": ["--cutoff", "1500"],
}


@pytest.mark.parametrize("edit", EDITS)
def test_edit_writes_a_file_as_long_as_the_recording(bundle, recording, tmp_path, edit):
    out = tmp_path / "edited.wav"
    asked = ["--model", bundle, "--steps", "3", "--label", "one", *EDITS[edit]]
    result = run("edit", edit, recording, "-o", str(out), *asked)
    assert result.exit_code == 0
    assert soundfile.info(out).frames == 1200
    with pytest.raises(AudiodiffError, match="is there already"):
        run("edit", edit, recording, "-o", str(out), *asked)


def test_interpolation_writes_the_clips_between(bundle, recording, tmp_path):
    out = tmp_path / "between"
    run("edit", "interpolate", recording, recording, "-o", str(out), "--n", "2", "--steps", "3", "--model", bundle)
    assert sorted(path.name for path in out.iterdir()) == ["01.wav", "02.wav", "sheet.png"]


def test_recording_that_is_too_long_is_refused(bundle, tmp_path):
    save_audio(tmp_path / "long.wav", 0.1 * torch.randn(9000), 8000)
    with pytest.raises(AudiodiffError, match="at most 1600 samples"):
        run("edit", "denoise", str(tmp_path / "long.wav"), "-o", str(tmp_path / "out.wav"), "--model", bundle)


def test_inspect_describes_a_generator(bundle):
    output = run("inspect", bundle).output
    assert "3 labels: zero, one, two" in output
    assert "2 speakers: ann, bob" in output
    assert "MelGenerator" in output
