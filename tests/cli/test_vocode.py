"""`audiodiff vocode` as people type it: what it writes, what it says, and its exit code."""

import json
import shutil
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
import torch

from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import save_bundle
from audiodiff.cli.main import main
from audiodiff.engine.diffwave.c_kernel import Kernel
from audiodiff.mel import MelSpectrogram, convention
from tests.conftest import CLIP, ROOT
from tests.trees import TINY_TREE


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    return save_bundle(folder, "tiny", TINY_TREE, build(canonical(TINY_TREE)["model"]), card="")


@pytest.fixture(scope="module")
def mel(clip):
    return MelSpectrogram(convention("hifigan_22k"))(clip[: 256 * 20].unsqueeze(0))[0].numpy()


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def vocode(bundle, monkeypatch, capsys):
    """Run the command with the tiny bundle, unless the arguments name another model."""

    def run(*arguments: object) -> Result:
        model = () if "--model" in arguments else ("--model", bundle)
        known = () if "--as" in arguments else ("--as", "hifigan_22k")  # these mels are too short to be recognized
        monkeypatch.setattr(sys, "argv", ["audiodiff", "vocode", *map(str, (*arguments, *model, *known))])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as stopped:
            main()
        return Result(stopped.value.code or 0, *capsys.readouterr())

    return run


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_compiled_network_makes_the_same_sound(vocode, mel, tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", mel)
    runs, plain = [], Kernel.__call__
    monkeypatch.setattr(Kernel, "__call__", lambda self, *inputs: runs.append(1) or plain(self, *inputs))
    voice, waves = ("--model", "diffwave-ljspeech"), []
    for name, options in (("plain", ()), ("compiled", ("--compile",))):
        result = vocode(tmp_path / "a.npy", "-o", tmp_path / f"{name}.wav", *voice, *options)
        assert result.returncode == 0, result.stderr
        assert bool(runs) == bool(options)
        waves.append(soundfile.read(tmp_path / f"{name}.wav")[0])
    np.testing.assert_allclose(*waves, atol=1e-4)


def test_mel_files_and_audio_files_become_sound(vocode, mel, tmp_path):
    np.save(tmp_path / "a.npy", mel)
    torch.save(torch.from_numpy(mel)[None], tmp_path / "b.pt")
    np.savez(tmp_path / "c.npz", mel=mel)
    result = vocode(tmp_path / "a.npy", tmp_path / "b.pt", tmp_path / "c.npz", CLIP, "-o", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("RTF") == 4
    waves = {path.stem: soundfile.read(path) for path in (tmp_path / "out").iterdir()}
    assert sorted(waves) == ["LJ001-0002", "a", "b", "c"]
    assert waves["a"][1] == 22050
    assert len(waves["a"][0]) == 256 * 20
    np.testing.assert_array_equal(waves["a"][0], waves["b"][0])
    assert len(waves["LJ001-0002"][0]) == soundfile.info(CLIP).frames // 256 * 256


def test_out_may_be_one_file(vocode, mel, tmp_path):
    np.save(tmp_path / "a.npy", mel)
    assert vocode(tmp_path / "a.npy", "-o", tmp_path / "named.flac", "--steps", 2).returncode == 0
    assert soundfile.info(tmp_path / "named.flac").frames == 256 * 20


def test_results_are_not_overwritten_unless_asked(vocode, mel, tmp_path):
    np.save(tmp_path / "a.npy", mel)
    (tmp_path / "a.wav").write_text("precious")
    result = vocode(tmp_path / "a.npy", "-o", tmp_path)
    assert result.returncode == 2
    assert "--overwrite" in result.stderr
    assert (tmp_path / "a.wav").read_text() == "precious"
    assert vocode(tmp_path / "a.npy", "-o", tmp_path, "--overwrite").returncode == 0


def test_what_is_done_is_left_alone_and_nothing_else_is_taken_for_it(vocode, mel, tmp_path):
    """A second call makes only what is missing; other settings or another input with the same name are refused."""
    out = tmp_path / "out"
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", mel)
    assert vocode(tmp_path / "a.npy", "-o", out).returncode == 0
    before = (out / "a.wav").stat().st_mtime_ns
    result = vocode(tmp_path / "a.npy", tmp_path / "b.npy", "-o", out)
    assert result.returncode == 0
    assert result.stdout.count("done already") == result.stdout.count("RTF") == 1
    assert (out / "a.wav").stat().st_mtime_ns == before
    for change in (("--steps", 3), ("--seed", 1), ("--sampler", "ancestral"), ("--temperature", 0.5)):
        result = vocode(tmp_path / "a.npy", "-o", out, *change)
        assert result.returncode == 2
        assert "with other settings" in result.stderr
    np.save(tmp_path / "a.npy", mel * 1.01)
    assert vocode(tmp_path / "a.npy", "-o", out).returncode == 2
    assert vocode(tmp_path / "a.npy", "-o", out, "--overwrite").returncode == 0
    assert (out / "a.wav").stat().st_mtime_ns > before


def test_folders_and_manifests_become_sound(vocode, mel, tmp_path):
    (tmp_path / "mels" / "deep").mkdir(parents=True)
    np.save(tmp_path / "mels" / "a.npy", mel)
    np.save(tmp_path / "mels" / "deep" / "b.npy", mel)
    row = {"id": "clip", "path": str(CLIP), "duration": 1.9, "sample_rate": 22050}
    (tmp_path / "list.jsonl").write_text(json.dumps(row) + "\n")
    result = vocode(tmp_path / "mels", tmp_path / "list.jsonl", "-o", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.wav")}
    assert found == {"a.wav", "deep/b.wav", "clip.wav"}


def test_a_transposed_mel_needs_a_flag(vocode, mel, tmp_path):
    np.save(tmp_path / "a.npy", mel.T)
    result = vocode(tmp_path / "a.npy", "-o", tmp_path / "out")
    assert result.returncode == 2
    assert "pass --transposed" in result.stderr
    assert vocode(tmp_path / "a.npy", "-o", tmp_path / "out", "--transposed").returncode == 0


def test_good_files_are_vocoded_beside_bad_ones(vocode, mel, tmp_path):
    bad = {
        "nan.npy": np.full_like(mel, np.nan),
        "infinite.npy": np.full_like(mel, np.inf),
        "bands.npy": np.zeros((100, 20), np.float32),
        "flat.npy": np.zeros(80, np.float32),
    }
    for name, array in bad.items():
        np.save(tmp_path / name, array)
    (tmp_path / "empty.npy").touch()
    (tmp_path / "noise.npy").write_bytes(b"\x93NUMPY and then nothing")
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "strange.xyz").write_text("?")
    soundfile.write(tmp_path / "slow.wav", np.zeros(16000), 16000)
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 22050)
    np.save(tmp_path / "good.npy", mel)
    names = [*bad, "missing.npy", "empty.npy", "noise.npy", "text.wav", "strange.xyz", "slow.wav", "short.wav"]
    result = vocode(*(tmp_path / name for name in [*names, "good.npy"]), "-o", tmp_path / "out")
    assert result.returncode == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.wav"]
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert lines[0] == f"{len(names)} of {len(names) + 1} failed:"
    assert [line.strip().split(":")[0] for line in lines[1:]] == [str(tmp_path / name) for name in names]
    assert "16000 Hz" in result.stderr
    assert "100" in next(line for line in lines if "bands.npy" in line)


def test_another_rate_is_resampled_on_request(vocode, tmp_path):
    soundfile.write(tmp_path / "slow.wav", 0.1 * np.sin(np.arange(16000) / 5), 16000)
    assert vocode(tmp_path / "slow.wav", "-o", tmp_path / "out", "--resample").returncode == 0
    assert soundfile.info(tmp_path / "out" / "slow.wav").samplerate == 22050


@pytest.mark.filterwarnings("default")
def test_another_convention_is_refused_or_converted(vocode, clip, tmp_path):
    mel = MelSpectrogram(convention("diffwave_22k"))(clip.unsqueeze(0))[0]
    np.save(tmp_path / "stray.npy", mel.numpy())
    declared = ("--as", "diffwave_22k")
    result = vocode(tmp_path / "stray.npy", "-o", tmp_path / "out", *declared)
    assert result.returncode == 2
    assert "diffwave_22k" in result.stderr
    assert "--convert approximate" in result.stderr
    result = vocode(tmp_path / "stray.npy", "-o", tmp_path / "out", *declared, "--convert", "approximate")
    assert result.returncode == 0
    assert "note: the mel was converted from diffwave_22k" in result.stderr


def test_names_that_collide_are_refused(vocode, mel, tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "a.npy", mel)
    result = vocode(tmp_path / "x" / "a.npy", tmp_path / "y" / "a.npy", "-o", tmp_path / "out")
    assert result.returncode == 2
    assert "rename" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "nothing"], "no model 'nothing'"),
        (["--sampler", "magic"], "no sampler 'magic'"),
        (["--device", "quantum"], "quantum"),
        (["--steps", "0"], "--steps"),
    ],
)
def test_bad_options_are_one_sentence(vocode, mel, tmp_path, arguments, words):
    np.save(tmp_path / "a.npy", mel)
    result = vocode(tmp_path / "a.npy", "-o", tmp_path / "out", *arguments)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_process_of_its_own_ends_with_the_same_code(tmp_path):
    command = [sys.executable, "-m", "audiodiff", "vocode", "nothing.npy", "-o", str(tmp_path / "out")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 2
    assert "nothing.npy: no such file" in result.stderr
    assert "Traceback" not in result.stderr
