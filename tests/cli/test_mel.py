"""`audiodiff mel` as people type it: what it writes, what it says, and its exit code."""

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from audiodiff.audio import load_audio
from audiodiff.cli.mel import app
from audiodiff.errors import AudiodiffError, ConfigError, OutputError
from audiodiff.mel import ALIASES, CONVENTIONS, MelSpectrogram, convention, read_mel, write_mel
from tests.conftest import CLIP

HIFIGAN, TACOTRON2, DIFFWAVE = (convention(name) for name in ("hifigan_22k", "tacotron2_22k", "diffwave_22k"))


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run `audiodiff mel` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if isinstance(result.exception, AudiodiffError):
            raise result.exception
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


@pytest.fixture
def mel(clip):
    return lambda spec: MelSpectrogram(spec)(clip[None])[0]


def test_list_names_every_convention(run, monkeypatch):
    """And nothing of them is cut off where there are 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    output = run("list").output
    for name in (*CONVENTIONS, *(alias for names in ALIASES.values() for alias in names)):
        assert name in output
    assert (
        "wavegrad_ivanvovk_22k          22050   1024/1024/300    80      80 … 8000 htk       log10 of energy" in output
    )


@pytest.mark.parametrize("file_format", ["safetensors", "npz", "npy", "h5"])
def test_extract_files_and_folders(run, tmp_path, file_format):
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    wave = load_audio(CLIP)
    soundfile.write(tmp_path / "in" / "deeper" / "b.wav", wave, 22050)
    soundfile.write(tmp_path / "in" / "deeper" / "c.flac", np.stack([wave, wave], 1), 44100)
    result = run("extract", CLIP, "in", "-c", "hifigan_22k", "-o", "out", "--format", file_format, "--jobs", 2)
    assert result.exit_code == 0
    assert "3 mels in out" in result.output
    assert "x real time" in result.output
    found = read_mel(tmp_path / "out" / f"{CLIP.stem}.{file_format}", HIFIGAN)
    torch.testing.assert_close(found.mel, MelSpectrogram(HIFIGAN)(wave[None])[0])
    torch.testing.assert_close(
        read_mel(tmp_path / "out" / "deeper" / f"b.{file_format}").mel, found.mel, atol=2e-2, rtol=0
    )
    assert read_mel(tmp_path / "out" / "deeper" / f"c.{file_format}").mel.shape[1] == found.mel.shape[1] // 2


def test_extract_does_what_it_can_and_lists_the_rest(run, tmp_path):
    (tmp_path / "bad.wav").write_text("not audio")
    (tmp_path / "empty").mkdir()
    soundfile.write(tmp_path / "short.wav", np.zeros(50), 22050)
    result = run("extract", CLIP, "bad.wav", "short.wav", "missing.wav", "empty", "-c", "hifigan_22k", "-o", "out")
    assert result.exit_code == 1
    assert "4 of 5 failed" in result.output
    for words in (
        "bad.wav cannot be read",
        "short.wav: a waveform of 50 samples",
        "missing.wav is not a file",
        "no audio",
    ):
        assert words in result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{CLIP.stem}.safetensors"]


def test_extract_replaces_nothing_unless_asked(run, tmp_path):
    arguments = ("extract", CLIP, "-c", "hifigan_22k", "-o", "out")
    assert run(*arguments).exit_code == 0
    again = run(*arguments)
    assert again.exit_code == 2
    assert "--overwrite" in again.output
    assert run(*arguments, "--overwrite").exit_code == 0
    twice = run("extract", CLIP, CLIP, "-c", "hifigan_22k", "-o", "other")
    assert twice.exit_code == 1
    assert "two inputs" in twice.output


def test_misspelt_names_are_refused_before_anything_is_done(run, tmp_path):
    with pytest.raises(ConfigError, match="did you mean hifigan_22k"):
        run("extract", CLIP, "-c", "hifigan", "-o", "out")
    with pytest.raises(OutputError, match="choose one of"):
        run("extract", CLIP, "-c", "hifigan_22k", "-o", "out", "--format", "txt")
    with pytest.raises(OutputError, match="results go into a folder"):
        run("extract", CLIP, "-c", "hifigan_22k", "-o", "out.npy")
    with pytest.raises(ConfigError, match="neither a mel convention"):
        run("check", CLIP, "--for", "nobody")
    assert not (tmp_path / "out").exists()


def test_show_tells_the_contract_and_draws(run, tmp_path, mel):
    write_mel(tmp_path / "a.npz", mel(HIFIGAN), HIFIGAN)
    output = run("show", "a.npz", "--picture", "a.png").output
    for words in ("hifigan_22k = matcha_22k", "80 bands, 163 frames", "magnitude_epsilon", "1.89 s", "░"):
        assert words in output
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_show_guesses_what_a_stray_mel_is(run, tmp_path, mel):
    write_mel(tmp_path / "a.npy", mel(DIFFWAVE))
    assert "looks like diffwave_22k" in run("show", "a.npy").output


def test_check_of_declared_mels(run, tmp_path, mel):
    for name, spec in {"hifigan": HIFIGAN, "tacotron2": TACOTRON2}.items():
        write_mel(tmp_path / f"{name}.npz", mel(spec), spec)
    vocos = convention("vocos_24k")
    write_mel(tmp_path / "vocos.npz", torch.zeros(100, 10), vocos)
    result = run("check", "hifigan.npz", "tacotron2.npz", "vocos.npz", "--for", "hifigan_22k")
    assert result.exit_code == 1
    assert "hifigan.npz: match: declared as hifigan_22k" in result.output
    assert "tacotron2.npz: convertible" in result.output
    assert "framing center -> same" in result.output
    assert "vocos.npz: mismatch" in result.output


def test_check_of_stray_mels(run, tmp_path, mel):
    write_mel(tmp_path / "a.npy", mel(DIFFWAVE))
    assert "a.npy: match" in run("check", "a.npy", "--for", "diffwave_22k").output
    convertible = run("check", "a.npy", "--for", "hifigan_22k")
    assert convertible.exit_code == 0
    assert "a.npy: convertible: It looks like diffwave_22k" in convertible.output
    mismatch = run("check", "a.npy", "--for", "vocos_24k")
    assert mismatch.exit_code == 2
    assert "80 bands, the model expects 100" in mismatch.output


def test_convert_exactly(run, tmp_path, mel):
    have, want = convention("vocos_24k"), convention("rfwave_24k")
    write_mel(tmp_path / "a.npz", mel(have), have)
    result = run("convert", "a.npz", "--to", "rfwave_24k", "-o", "out")
    assert result.exit_code == 0
    assert "exact (log_base e -> 10)" in result.output
    found = read_mel(tmp_path / "out" / "a.safetensors")
    assert found.spec == want
    torch.testing.assert_close(found.mel, mel(have) / np.log(10), atol=1e-5, rtol=0)


def test_convert_estimates_only_when_allowed(run, tmp_path, mel):
    write_mel(tmp_path / "a.npz", mel(DIFFWAVE), DIFFWAVE)
    refused = run("convert", "a.npz", "--to", "hifigan_22k", "-o", "out")
    assert refused.exit_code == 2
    assert "off by about" in refused.output
    assert "half a hop" not in refused.output
    assert "5.8 ms later" in refused.output
    assert not list((tmp_path / "out").iterdir())
    allowed = run("convert", "a.npz", "--to", "hifigan_22k", "-o", "out", "--approximate", "--format", "npy")
    assert allowed.exit_code == 0
    assert "cannot say which convention" in allowed.output
    assert read_mel(tmp_path / "out" / "a.npy", HIFIGAN).mel.shape == mel(DIFFWAVE).shape


def test_convert_wants_to_know_what_a_stray_mel_is(run, tmp_path, mel):
    write_mel(tmp_path / "a.npy", mel(DIFFWAVE))
    refused = run("convert", "a.npy", "--to", "coqui_22k", "-o", "out")
    assert refused.exit_code == 2
    assert "diffwave_22k" in refused.output
    assert "--as" in refused.output
    assert (
        run("convert", "a.npy", "--to", "coqui_22k", "-o", "out", "--as", "diffwave_22k", "--approximate").exit_code
        == 0
    )


def test_convert_refuses_other_frame_times(run, tmp_path, mel):
    write_mel(tmp_path / "a.npz", mel(HIFIGAN), HIFIGAN)
    refused = run("convert", "a.npz", "--to", "cosyvoice2_24k", "-o", "out", "--approximate")
    assert refused.exit_code == 2
    assert "a.npz: a mel with 86.13 frames per second" in refused.output


@pytest.mark.parametrize("command", ["show", "check", "convert"])
def test_folders_stand_for_the_mels_in_them(run, tmp_path, mel, command):
    for name in ("in/a.npz", "in/deep/a.npz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_mel(tmp_path / name, mel(HIFIGAN), HIFIGAN)
    (tmp_path / "in" / "readme.txt").touch()
    (tmp_path / "empty").mkdir()
    options = {"show": (), "check": ("--for", "hifigan_22k"), "convert": ("--to", "tacotron2_22k", "-o", "out")}
    result = run(command, "in", "empty", *options[command])
    assert result.exit_code == 1
    assert "1 of 3 failed:\n  empty: no mels in this folder" in result.output
    if command == "convert":
        found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.safetensors")}
        assert found == {"a.safetensors", "deep/a.safetensors"}


def test_results_in_a_folder_are_not_converted_again(run, tmp_path, mel):
    (tmp_path / "in").mkdir()
    write_mel(tmp_path / "in" / "a.npz", mel(HIFIGAN), HIFIGAN)
    for _ in range(2):
        result = run("convert", "in", "--to", "tacotron2_22k", "-o", "in/out", "--overwrite")
        assert result.exit_code == 0
        assert [path.name for path in (tmp_path / "in" / "out").iterdir()] == ["a.safetensors"]
    refused = run("convert", "in", "--to", "tacotron2_22k", "-o", "in", "--format", "npz", "--overwrite")
    assert refused.exit_code == 2
    assert "in: results would be written between the inputs" in refused.output
    assert read_mel(tmp_path / "in" / "a.npz").spec == HIFIGAN


@pytest.mark.parametrize("command", ["show", "check", "convert"])
def test_bad_mels_are_one_sentence_each(run, tmp_path, command):
    np.save(tmp_path / "nan.npy", np.full((80, 10), np.nan, dtype=np.float32))
    np.save(tmp_path / "transposed.npy", np.zeros((10, 80), dtype=np.float32))
    options = {"show": (), "check": ("--for", "hifigan_22k"), "convert": ("--to", "hifigan_22k", "-o", "out")}
    result = run(command, "nan.npy", "transposed.npy", "missing.npy", *options[command])
    assert result.exit_code == 2
    assert "3 of 3 failed" in result.output
    for words in ("nan.npy holds 800 values", "transposed.npy has shape (10, 80)", "missing.npy is not a file"):
        assert words in result.output
