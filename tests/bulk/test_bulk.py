"""Folders are vocoded by one process or by several, and a killed run is taken up where it was."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torch.distributed as dist

from audiodiff import Vocoder
from audiodiff.bulk import Job, find_jobs
from audiodiff.bundle.constructors import build, canonical
from audiodiff.bundle.format import save_bundle
from audiodiff.errors import ConfigError, InputError
from audiodiff.mel import convention, read_mel
from tests.conftest import ROOT
from tests.integrations.voices import mel_like
from tests.trees import TINY_TREE

HIFIGAN = convention("hifigan_22k")
N_MELS = 40
SETTINGS = ("--steps", "12", "--as", "model", "--seed", "5")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    return save_bundle(folder, "tiny", TINY_TREE, build(canonical(TINY_TREE)["model"]), card="")


@pytest.fixture(scope="module")
def mels(tmp_path_factory):
    """Mels of 5 to 44 frames in two folders."""
    folder = tmp_path_factory.mktemp("mels")
    (folder / "more").mkdir()
    for index in range(N_MELS):
        name = f"more/{index}.npy" if index % 4 == 0 else f"{index}.npy"
        np.save(folder / name, mel_like(HIFIGAN, frames=5 + index)[0].numpy())
    return folder


def command(mels: Path, out: Path, bundle: Path, *more: str) -> list[str]:
    start = [sys.executable, "-m", "audiodiff", "vocode", str(mels), "-o", str(out), "--model", str(bundle)]
    return [*start, "--threads", "1", *SETTINGS, *more]


def vocode(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command(*arguments), capture_output=True, text=True, cwd=ROOT, env=environment)


def killed(out: Path, *arguments: object) -> set[Path]:
    """Start the command, kill it and its children in the middle, and return what stands then."""
    process = subprocess.Popen(
        command(*arguments), cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and len(list(out.rglob("[!.]*.wav"))) < 3:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return set(out.rglob("[!.]*.wav"))


def check_against_python(mels: Path, out: Path, bundle: Path) -> None:
    """Every result is what the vocoder itself makes of that mel alone, in 16 bits."""
    vocoder = Vocoder.from_pretrained(bundle)
    for source in sorted(mels.rglob("*.npy")):
        wave = vocoder(read_mel(source).mel, spec=HIFIGAN, n_steps=12, seed=5)
        samples, rate = soundfile.read(out / source.relative_to(mels).with_suffix(".wav"), dtype="int16")
        assert rate == 22050
        np.testing.assert_allclose(samples, (wave * 32768).round().clamp(-32768, 32767), atol=1)


def test_a_killed_run_is_taken_up(mels, bundle, tmp_path):
    """Two processes are killed with -9 and started again: what stood is whole and stays, only the rest is made."""
    out = tmp_path / "out"
    first = killed(out, mels, out, bundle, "--devices", "2")
    times = {path: path.stat().st_mtime_ns for path in first}
    assert 3 <= len(first) < N_MELS
    assert all(soundfile.info(path).frames % 256 == 0 for path in first)
    (out / ".7.0123abcd.wav").write_text("half a file, as a kill leaves it")
    bad = tmp_path / "bad.npy"
    bad.write_text("nothing")

    result = vocode(mels, out, bundle, str(bad), "--devices", "2")
    assert result.returncode == 1, result.stderr
    assert result.stderr.startswith(f"1 of {N_MELS + 1} failed:")
    assert result.stderr.count("bad.npy cannot be read") == 1
    assert result.stdout.count("done already") == len(first)
    assert result.stdout.count("RTF") == N_MELS - len(first)  # each by one of the two, none twice
    assert {path: path.stat().st_mtime_ns for path in first} == times
    assert not list(out.rglob(".*"))
    check_against_python(mels, out, bundle)


@pytest.mark.filterwarnings("ignore")  # Lightning's own
def test_one_process_of_lightning_does_what_the_loop_does(mels, bundle, tmp_path):
    """Every job once, the longest first; what fails is reported and ends nothing."""
    from audiodiff.bulk.predict import vocode_everywhere

    jobs = [*find_jobs([mels], tmp_path), Job(tmp_path / "missing.npy", tmp_path / "missing.wav")]
    done: list[Job] = []

    def work(job: Job) -> None:
        if not job.source.exists():
            raise InputError("no such file")
        done.append(job)

    model = Vocoder.from_pretrained(bundle).model
    failures = vocode_everywhere(model, jobs, work, device="cpu", devices=1, nodes=1)
    assert not dist.is_initialized()  # the group of its processes has an end before the interpreter has
    assert failures == [f"{tmp_path / 'missing.npy'}: no such file"]
    assert {job.target for job in done} == {job.target for job in jobs[:-1]}
    sizes = [job.source.stat().st_size for job in done]
    assert sizes == sorted(sizes, reverse=True)
    with pytest.raises(ConfigError, match="2 devices of kind 'quantum'"):
        vocode_everywhere(model, jobs, work, device="quantum", devices=2, nodes=1)
