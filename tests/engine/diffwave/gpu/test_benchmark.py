"""The GPU benchmark runs to its end, on a processor and with tiny sizes: its numbers mean nothing here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console

ROOT = Path(__file__).resolve().parents[4]
CPU = torch.device("cpu")


@pytest.fixture
def gpu_speed(monkeypatch, tmp_path):
    """The benchmark as a module, which keeps its results out of the way and compiles nothing."""
    pytest.importorskip("diffwave", reason="needs lmnt's diffwave")
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import gpu_speed
    import laps

    monkeypatch.setattr(laps, "RESULTS", tmp_path)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: None)
    return gpu_speed


def printed(table) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_sampling_on_a_processor(gpu_speed, tmp_path, monkeypatch):
    """Of two blocks of 16 channels: processors without bfloat16 emulate it, which takes minutes for BASE."""
    from diffwave.params import params

    for name, value in {"residual_layers": 2, "residual_channels": 16}.items():
        monkeypatch.setitem(params, name, value)
    ceilings = gpu_speed.Ceilings.of(CPU, size=64)
    assert min(ceilings.bandwidth, *ceilings.products.values()) > 0
    text = printed(gpu_speed.sampling(CPU, 0.04, 2, 1, ceilings))
    (row,) = json.loads((tmp_path / "speed-gpu.json").read_text())
    assert len(row["medians"]) == 12
    assert all(name in text for name in row["medians"])
    found = {name: facts["largest"] for name, facts in row["differences"].items()}
    assert len(found) == 10
    assert all(largest < 1e-4 for name, largest in found.items() if "bfloat16" not in name)
    assert 0 < found["module, bfloat16"] < 0.5


def test_the_blocks_bytes_are_those_of_the_documentation(gpu_speed):
    """docs/speed_gpu.md: 1184 and 1344 bytes for each of 30 blocks."""
    _, _, converted = gpu_speed.pair()
    network = gpu_speed.network_of(converted)
    assert gpu_speed.bytes_per_sample(network, torch.bfloat16) == 30 * 1184
    assert gpu_speed.bytes_per_sample(network, torch.float32) == 30 * 1344
    assert gpu_speed.flop_per_sample(network) == 30 * 86016


def test_training_prints_a_row_for_each(gpu_speed, monkeypatch):
    monkeypatch.setattr(gpu_speed, "training_rows", lambda size: {"a": (min, (3.0, 2.0)), "b": (max, (3.0, 2.0))})
    text = printed(gpu_speed.training(gpu_speed.Size(1, 2, 1)))
    assert "2" in text
    assert "3" in text


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_and_an_exit_code():
    command = [sys.executable, "benchmarks/gpu_speed.py", "sampling"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stdout == "no CUDA GPU here: nothing was measured\n"
