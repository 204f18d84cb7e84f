"""The runner in JavaScript: Python's noise, and PyTorch's waveforms in a browser's onnxruntime."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from audiodiff import Vocoder
from audiodiff.export import onnx_runner
from audiodiff.export.onnx import export_sampler
from tests.conftest import ROOT
from tests.export.voices import VOICES
from tests.tiny_voices import mel_of

RUNNER = Path(onnx_runner.__file__).with_suffix(".mjs")
MODULES = Path(os.environ.get("NODE_MODULES", ROOT / "node_modules"))
NODE = shutil.which("node")
NOISE = """\
import { gaussian, sha256, uniform } from "./onnx_runner.mjs";
import { writeFileSync } from "node:fs";
for (const seed of [0, 1, 2 ** 40])
  for (const draw of [0, 3]) writeFileSync(`${seed}-${draw}.f32`, gaussian(seed, draw, 20000));
writeFileSync("uniform.f32", uniform(7, 2000));
writeFileSync("digest.txt", sha256("abc").map((word) => word.toString(16).padStart(8, "0")).join(""));
"""
REFUSED = """\
import { OnnxVocoder } from "./onnx_runner.mjs";
const vocoder = new OnnxVocoder({}, {}, { part: "sampler", mel: { n_mels: 80 }, frames: 2 });
for (const mel of [new Float32Array(0), new Float32Array(81), new Float32Array(80), new Float32Array(160).fill(NaN)])
  await vocoder.vocode(mel).then(() => console.log("taken"), (error) => console.log(error.message));
"""

needs_node = pytest.mark.skipif(NODE is None, reason="needs node")
needs_the_web = pytest.mark.skipif(
    NODE is None or not (MODULES / "onnxruntime-web").is_dir(),
    reason="needs node and `npm install onnxruntime-web`, here or in the folder $NODE_MODULES",
)


def node(folder: Path, *arguments: str) -> str:
    """Run JavaScript in a folder that holds the runner."""
    shutil.copy(RUNNER, folder)
    done = subprocess.run([NODE, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_node
def test_the_noise_is_python_s(tmp_path):
    (tmp_path / "noise.mjs").write_text(NOISE)
    node(tmp_path, "noise.mjs")
    for seed in (0, 1, 2**40):
        for draw in (0, 3):
            noise = np.fromfile(tmp_path / f"{seed}-{draw}.f32", "<f4")
            np.testing.assert_allclose(noise, onnx_runner.gaussian(seed, draw, 20_000), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "uniform.f32", "<f4"), onnx_runner.uniform(7, 2000))
    published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert (tmp_path / "digest.txt").read_text() == published


@needs_node
def test_what_is_no_mel_is_refused(tmp_path):
    (tmp_path / "refused.mjs").write_text(REFUSED)
    lines = node(tmp_path, "refused.mjs").splitlines()
    assert [line.split(":")[1] for line in lines] == [" expected [80, 2], all finite"] * 4


@needs_the_web
@pytest.mark.parametrize("name", ["source_filter", "diffwave_source"])
def test_a_browser_s_runtime_gives_the_waveform_of_pytorch(name, tmp_path):
    pytest.importorskip("onnx", reason="needs the extra `onnx`")
    bundle = VOICES[name](tmp_path)
    vocoder, mel = Vocoder(bundle), mel_of(31)
    export_sampler(tmp_path / "voice.onnx", bundle, vocoder.sampler(), vocoder.times(2))
    mel.numpy().tofile(tmp_path / "mel.f32")
    (tmp_path / "node_modules").symlink_to(MODULES)
    node(tmp_path, RUNNER.name, "voice.onnx", "mel.f32", "out.f32", "5")
    expected = vocoder(mel, seed=5, n_steps=2, spec=vocoder.mel_spec).numpy()
    np.testing.assert_allclose(np.fromfile(tmp_path / "out.f32", "<f4"), expected, rtol=0, atol=1e-4)
