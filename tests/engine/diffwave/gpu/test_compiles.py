"""The kernel is translated for GPUs that need not be there."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[4]
pytestmark = [
    pytest.mark.skipif(find_spec("triton") is None, reason="needs Triton, which torch brings along on Linux"),
    pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="the interpreter does not compile"),
]


@pytest.fixture(autouse=True)
def anew(tmp_path, monkeypatch):
    """Compile, rather than find what was compiled before."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@pytest.mark.parametrize("channels", [64, 128])
@pytest.mark.parametrize("architecture", [80, 90])
def test_the_block_fits_a_gpu(architecture, channels, dtype):
    """No register is spilled, two programs find room in an SM, and bfloat16 is multiplied by tensor cores."""
    from benchmarks.gpu_kernel import SHARED, compiled

    made = compiled(architecture, channels, 80, dtype)
    assert made.stack == 0
    assert made.shared <= SHARED[architecture] * 1024
    assert made.resident >= (2 if channels == 64 else 1)
    assert (made.products > 0) == (dtype == torch.bfloat16)


def test_tensor_cores_multiply_tf32():
    from benchmarks.gpu_kernel import compiled

    made = compiled(80, 64, 80, torch.float32, "tf32")
    assert made.stack == 0
    assert made.products > 0


def test_without_a_mel_the_block_compiles_too():
    from benchmarks.gpu_kernel import compiled

    assert compiled(90, 16, 0, torch.bfloat16).stack == 0


def test_its_command_prints_a_table():
    command = [sys.executable, "benchmarks/gpu_kernel.py", "--channels", "16", "--architectures", "80"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.count("sm_80") == 2
