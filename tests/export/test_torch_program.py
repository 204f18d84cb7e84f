"""Exported programs run where audiodiff is not."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from audiodiff import Vocoder
from audiodiff.export.torch_program import export_program
from audiodiff.noise import SampleNoise
from tests.export.test_onnx import random_mels
from tests.export.voices import VOICES

WITHOUT_AUDIODIFF = """\
import sys
sys.modules["audiodiff"] = None
import numpy, pathlib, torch
program = torch.export.load(sys.argv[1]).module()
with torch.no_grad():
    wave = program(**{pathlib.Path(path).stem: torch.from_numpy(numpy.load(path)) for path in sys.argv[3:]})
numpy.save(sys.argv[2], wave.numpy())
"""
FRAMES = 23


@pytest.mark.parametrize("name", ["source_filter", "lmnt"])
def test_a_program_without_audiodiff(name, tmp_path):
    bundle = VOICES[name](tmp_path)
    vocoder = Vocoder(bundle)
    export_program(tmp_path / "voice.pt2", bundle, vocoder.sampler(), vocoder.times(2))
    mel, draw = random_mels(vocoder.mel_spec, 1, 80, FRAMES), SampleNoise([4])
    n_draws = {"source_filter": 1, "lmnt": 2}[name]
    noise = np.stack([draw(torch.empty(1, FRAMES * 256)).numpy() for _ in range(n_draws)])
    given = {"mel": mel.numpy(), "noise": noise}
    for argument, array in given.items():
        np.save(tmp_path / argument, array)
    paths = [tmp_path / file for file in ("voice.pt2", "out.npy", *(f"{argument}.npy" for argument in given))]
    subprocess.run([sys.executable, "-W", "ignore", "-c", WITHOUT_AUDIODIFF, *paths], check=True)
    expected = vocoder(mel, seed=4, n_steps=2, spec=vocoder.mel_spec).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=0, atol=1e-4)
    with zipfile.ZipFile(tmp_path / "voice.pt2") as archive:
        assert not any(b"audiodiff/export/" in archive.read(file) for file in archive.namelist())
