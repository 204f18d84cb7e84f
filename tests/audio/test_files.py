"""What is written is what is read, and a stranger's file is refused in words."""

from pathlib import Path

import pytest
import torch

from audiodiff.audio import convention, load_audio, read_mel, save_audio, write_mel
from audiodiff.audio.melformats import CARRIERS, WRITERS

SPEC = convention("hifigan_22k")


@pytest.fixture
def mel() -> torch.Tensor:
    return torch.randn(80, 50, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("suffix", WRITERS)
def test_mel_survives_its_file(tmp_path: Path, mel: torch.Tensor, suffix: str) -> None:
    write_mel(tmp_path / f"a{suffix}", mel, SPEC)
    found = read_mel(tmp_path / f"a{suffix}")
    torch.testing.assert_close(found.mel, mel, atol=0, rtol=0)
    assert found.spec == (SPEC if suffix in CARRIERS else None)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("encoding", ["PCM_16", "FLOAT"])
def test_16_bit_audio_survives_its_file(tmp_path: Path, encoding: str) -> None:
    wave = torch.randint(-32768, 32768, (1000,), generator=torch.Generator().manual_seed(0)) / 32768
    save_audio(tmp_path / "a.wav", wave, 22050, encoding)
    torch.testing.assert_close(load_audio(tmp_path / "a.wav"), wave, atol=0, rtol=0)
