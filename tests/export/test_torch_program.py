"""Exported programs run where audiodiff is not."""

import subprocess
import sys

import numpy as np
import torch

from audiodiff import Vocoder
from audiodiff.convert import convert
from audiodiff.export.torch_program import export_program
from audiodiff.noise import SampleNoise
from tests.convert import foreign

WITHOUT_AUDIODIFF = """\
import sys
sys.modules["audiodiff"] = None
import numpy, torch
program = torch.export.load(sys.argv[1]).module()
mel, noise = (torch.from_numpy(numpy.load(path)) for path in sys.argv[2:4])
numpy.save(sys.argv[4], program(mel=mel, noise=noise).detach().numpy())
"""


def test_a_program_without_audiodiff(tmp_path):
    bundle = convert(foreign.lmnt(tmp_path)).bundle()
    vocoder = Vocoder(bundle)
    export_program(tmp_path / "voice.pt2", bundle, vocoder.sampler(), vocoder.times())
    mel, draw = torch.rand(1, 80, 23), SampleNoise([4])
    np.save(tmp_path / "mel.npy", mel.numpy())
    np.save(tmp_path / "noise.npy", np.stack([draw(torch.empty(1, 23 * 256)).numpy() for _ in range(2)]))
    paths = [tmp_path / name for name in ("voice.pt2", "mel.npy", "noise.npy", "out.npy")]
    subprocess.run([sys.executable, "-W", "ignore", "-c", WITHOUT_AUDIODIFF, *paths], check=True)
    expected = vocoder(mel, seed=4, spec=vocoder.mel_spec).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=0, atol=1e-4)
