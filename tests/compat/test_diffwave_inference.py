"""lmnt's command line, in every form that its README and its code show."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

from audiodiff.compat.diffwave_inference import main
from audiodiff.convert import convert
from tests.convert import foreign


@pytest.fixture
def lmnt(tmp_path, monkeypatch):
    """A folder with a model folder and a spectrogram, in which the command is typed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    foreign.lmnt(tmp_path / "model")
    np.save(tmp_path / "a.wav.spec.npy", np.random.default_rng(0).random((80, 5), dtype=np.float32))
    return tmp_path


@pytest.mark.parametrize(
    "line",
    [
        "--fast model a.wav.spec.npy -o out.wav",
        "model a.wav.spec.npy --output out.wav --fast",
        "model/weights.pt -s a.wav.spec.npy -o out.wav -f",
        "model --spectrogram_path a.wav.spec.npy -o out.wav",
        "-f -s a.wav.spec.npy -o out.wav model",
    ],
)
def test_both_orders_are_understood(line, lmnt):
    main(line.split())
    info = soundfile.info(lmnt / "out.wav")
    assert (info.samplerate, info.frames, info.channels, info.subtype) == (22050, 5 * 256, 1, "FLOAT")


def test_the_output_is_output_wav_unless_named(lmnt):
    main(["model", "a.wav.spec.npy"])
    main(["model", "a.wav.spec.npy"])
    assert soundfile.info("output.wav").frames == 5 * 256


def test_a_bundle_will_do(lmnt):
    convert(lmnt / "model").save(lmnt / "bundle")
    main(["bundle", "a.wav.spec.npy", "-o", "out.flac"])
    assert soundfile.info("out.flac").frames == 5 * 256


def test_every_run_draws_its_own_noise(lmnt):
    waves = []
    for name in ("1.wav", "2.wav"):
        main(["-f", "model", "a.wav.spec.npy", "-o", name])
        waves.append(soundfile.read(name)[0])
    assert np.abs(waves[0] - waves[1]).max() > 0.01


def test_unconditional_models_need_no_spectrogram(lmnt):
    foreign.unconditional(lmnt / "model")
    main(["--fast", "model", "-o", "out.wav"])
    assert soundfile.info("out.wav").frames == pytest.approx(5 * 22050, abs=256)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nowhere a.wav.spec.npy", "nowhere"),
        ("model nothing.npy", "nothing.npy"),
        ("model", "give the path"),
        ("model a.wav.spec.npy -o no/such/folder.wav", "folder.wav"),
    ],
)
def test_refusals(line, message, lmnt, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(line.split())
    assert message in capsys.readouterr().err


def test_it_is_a_module_to_run(lmnt):
    command = [sys.executable, "-m", "audiodiff.compat.diffwave_inference", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(foreign.ROOT)})
    assert "--spectrogram_path" in result.stdout
