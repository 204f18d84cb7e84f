"""Our mel of the shared clip equals the one that each project's own front-end produced."""

from pathlib import Path

import numpy as np
import pytest
import torch

from audiodiff.audio import MelSpectrogram, convention, load_audio

PARITY = {"hifigan": "hifigan_22k", "lmnt_diffwave": "diffwave_22k"}
CLIPS = {22050: "clip.flac", 24000: "clip_24k.flac", 16000: "clip_16k.flac", 44100: "clip_44k.flac"}
SQUARE = torch.tensor([((n // 100) % 2 * 2 - 1) * 32000 / 32768 for n in range(3072)])


@pytest.mark.parametrize(("system", "name"), PARITY.items())
def test_mel_equals_the_projects_own(shared: Path, system: str, name: str) -> None:
    theirs = np.load(shared / "parity" / "mels" / f"{system}.npz")
    extract = MelSpectrogram(convention(name))
    clip = load_audio(shared / "parity" / CLIPS[int(theirs["sample_rate"])])
    for wave, key in [(clip, "mel"), (torch.zeros(3072), "mel_zeros"), (SQUARE, "mel_square")]:
        torch.testing.assert_close(extract(wave[None])[0], torch.from_numpy(theirs[key]), atol=1e-3, rtol=0)
