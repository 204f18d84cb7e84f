"""Memory that stays with the process."""

import platform
import subprocess
import sys

import pytest
import torch

from audiodiff.engine.memory import keep_freed_memory

_FAULTS = """
import resource, statistics
import torch
from audiodiff import Vocoder

torch.set_num_threads(1)
vocoder = Vocoder.from_pretrained("ljspeech-tiny")
mel = torch.randn(80, 400, generator=torch.Generator().manual_seed(0)) - 4
faults = []
for _ in range(8):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    vocoder(mel, spec=vocoder.mel_spec, seed=0)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(round(statistics.median(faults[3:])))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc hands memory back so eagerly")
def test_the_same_mel_again_takes_no_new_memory() -> None:
    """Most of the time: the heap's end may still move by some MiB after the first calls, where it lies at random."""
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", _FAULTS], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 1000  # pages of 4 KiB; ten thousand without `keep_freed_memory`


def test_it_is_the_processors_memory_whatever_device_is_the_default(monkeypatch) -> None:
    made = []
    plain = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *args, **kwargs: made.append(plain(*args, **kwargs)))
    with torch.device("meta"):
        keep_freed_memory()
    assert [tensor.device.type for tensor in made] == ["cpu"]
