"""A disk that is full: every command that writes says so in a sentence, and leaves nothing half-written."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiodiff.audio.scratch import scratch_keys
from audiodiff.cli.main import main
from audiodiff.mel import convention, write_mel
from tests.conftest import CLIP
from tests.runs import QUICK
from tests.tiny_voices import mel_of
from tests.training.test_checkpoints import full_disk

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's own


def commands(folder: Path) -> dict[str, list[str]]:
    """A command of every kind that writes more than 4 KiB into `folder`/out, on inputs that it is glad of."""
    mel, audio, out = folder / "long.safetensors", folder / "long.flac", str(folder / "out")
    write_mel(mel, mel_of(400), convention("hifigan_22k"))
    soundfile.write(audio, np.tile(soundfile.read(CLIP)[0], 3), 22050)
    settings = ["network.channels=32", "network.layers=2", "data.batch_size=2", "data.segment=16", "data.workers=0"]
    data = folder / "data" / "ljspeech"
    data.mkdir(parents=True)
    for split in ("train", "valid"):
        row = f'{{"id": "a", "path": "{CLIP}", "duration": 1.9, "sample_rate": 22050}}\n'
        (data / f"{split}.jsonl").write_text(row)
    paths = [f"paths.data={folder / 'data'}", f"paths.runs={out}", "trainer.max_steps=3", "data.cache=null"]
    return {
        "vocode": ["vocode", str(mel), "-o", out, "--model", "ljspeech-tiny", "--steps", "1"],
        "vocode audio": ["vocode", str(audio), "-o", out, "--model", "ljspeech-tiny", "--steps", "1"],
        "mel extract": ["mel", "extract", str(audio), "-c", "hifigan_22k", "-o", out],
        "mel convert": ["mel", "convert", str(mel), "--to", "coqui_22k", "-o", out, "--approximate"],
        "generate": ["generate", "--label", "six", "--n", "2", "--steps", "1", "-o", out],
        "shard": ["data", "shard", str(data / "train.jsonl"), "-o", out],
        "train": ["train", "experiment=ljspeech_diffwave", *paths, *QUICK, *settings],
    }


KINDS = ("vocode", "vocode audio", "mel extract", "mel convert", "generate", "shard", "train")


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_one_sentence(kind, tmp_path, monkeypatch, capfd):
    arguments = commands(tmp_path)[kind]
    monkeypatch.setattr(sys, "argv", ["audiodiff", *arguments])
    with full_disk(1 << 12), pytest.raises(SystemExit) as ended:
        main()
    said = "".join(capfd.readouterr())
    assert ended.value.code in (1, 2)
    assert "Traceback" not in said
    assert "unforeseen" not in said
    assert "cannot" in said or "too large" in said
    assert not [path for path in tmp_path.rglob("*") if scratch_keys(path)]
    shutil.rmtree(tmp_path)
